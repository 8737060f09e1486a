# METADATA
# title: maxMemoryPercentOfLimit has no effect
# description: |-
#   The operator computes maxmemory from the memory limit of the container and passes it as REDIS_MAX_MEMORY, which only its
#   own init container reads, with the feature gate GenerateConfigInInitContainer. Without the gate or without a memory
#   limit Redis has no maxmemory: it grows until the kernel kills it.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set maxmemory in the ConfigMap of additionalRedisConfig, or in dynamicConfig, or switch on the feature gate of the operator
#     and set a memory limit.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:1014-1022, getEnvironmentVariables
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/agent/bootstrap/redis/config.go:172-178, GenerateConfig
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/rediscluster/v1beta2/rediscluster_types.go:86-112, the resources of a RedisCluster
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/1607
package redisgitops.ops["maxmemory-gate"]

import data.redisgitops.lib.group
import data.redisgitops.lib.opstree

deny contains object.union(absent, {
	"message": sprintf("maxMemoryPercentOfLimit has no effect %s", [why]),
	"resource": r.id,
	"path": ["spec", "redisConfig", "maxMemoryPercentOfLimit"],
}) if {
	some r in opstree.all
	r.kind != "RedisSentinel"
	r.object.spec.redisConfig.maxMemoryPercentOfLimit > 0
	not limited_elsewhere(r)
	[why, absent] := reason(r)
}

reason(r) := ["without a memory limit; set resources.limits.memory", {}] if {
	some resources in sets(r)
	object.get(resources, ["limits", "memory"], null) == null
} else := ["unless the operator's feature gate GenerateConfigInInitContainer is on; switch it on, or set maxmemory in the ConfigMap of additionalRedisConfig", {"absent": {}}] if {
	not opstree.gate
}

# sets are the resources of the containers of Redis.
sets(r) := [object.get(r.object, ["spec", "kubernetesConfig", "resources"], {})] if r.kind != "RedisCluster"

sets(r) := [resources |
	some part in ["redisLeader", "redisFollower"]
	resources := object.get(r.object, ["spec", part, "resources"], object.get(r.object, ["spec", "kubernetesConfig", "resources"], {}))
] if {
	r.kind == "RedisCluster"
}

limited_elsewhere(r) if {
	some line in r.object.spec.redisConfig.dynamicConfig
	startswith(lower(line), "maxmemory ")
}

# A ConfigMap that is not in the repository may set it.
limited_elsewhere(r) if {
	some name in names(r)
	not maps[name]
}

limited_elsewhere(r) if {
	some name in names(r)
	some text in maps[name]
	regex.match(`(?im)^\s*maxmemory\s`, text)
}

names(r) := {name |
	some part in [[], ["redisLeader"], ["redisFollower"]]
	name := object.get(r.object, array.concat(array.concat(["spec"], part), ["redisConfig", "additionalRedisConfig"]), "")
	is_string(name)
	name != ""
}

maps := group.by([[r.name, object.get(r.object, ["data", "redis-additional.conf"], "")] |
	some r in data.repo.resources
	r.kind == "ConfigMap"
])
