# METADATA
# title: Volume mount has no volume or conflicts with the operator
# description: |-
#   The operator appends extraVolumeMounts to its own mounts. Kubernetes rejects a pod with a mount whose volume does
#   not exist, or with two mounts at the same path, so no new pod of Redis or the sentinels is created. A volume
#   mounted at /data would hide the one with the data.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Add the volume to extraVolumes, and mount it at a separate path.
#   references:
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/service/generator.go, getRedisVolumeMounts, getRedisVolumes, getSentinelVolumeMounts and getSentinelVolumes
#     - kubernetes/kubernetes v1.36.3 pkg/apis/core/validation/validation.go, ValidateVolumeMounts
package redisgitops.op["volume-mounts"]

import data.redisgitops.lib.redisfailover

mounts := [m |
	some part in redisfailover.parts
	list := input.spec[part].extraVolumeMounts
	is_array(list)
	some i, mount in list
	is_object(mount)
	m := {"part": part, "path": ["spec", part, "extraVolumeMounts", i], "object": mount}
]

deny contains {
	"message": sprintf("volume %q does not exist, so Kubernetes rejects the pods; add it to spec.%s.extraVolumes, or fix the name", [m.object.name, m.part]),
	"path": array.concat(m.path, ["name"]),
} if {
	some m in mounts
	is_string(m.object.name)
	not m.object.name in volumes[m.part]
}

deny contains {
	"message": sprintf("the operator already mounts a volume at %q, so Kubernetes rejects the pods; use another path", [m.object.mountPath]),
	"path": array.concat(m.path, ["mountPath"]),
} if {
	some m in mounts
	is_string(m.object.mountPath)
	trim_right(m.object.mountPath, "/") in taken[m.part]
}

volumes := {part: union({own[part], extra(part), startup(part), data_volume(part)}) | some part in redisfailover.parts}

own := {
	"redis": {"redis-config", "redis-readiness-config", "redis-shutdown-config"},
	"sentinel": {"sentinel-config", "sentinel-config-writable"},
}

extra(part) := {v.name | some v in object.get(input, ["spec", part, "extraVolumes"], [])}

startup(part) := {sprintf("%s-startup-config", [part])} if {
	object.get(input, ["spec", part, "startupConfigMap"], "") != ""
} else := set()

data_volume("redis") := {object.get(claim, ["metadata", "name"], "")} if {
	claim := input.spec.redis.storage.persistentVolumeClaim
	is_object(claim)
} else := {"redis-data"}

data_volume("sentinel") := set()

taken := {
	"redis": union({{"/data", "/redis", "/redis-readiness", "/redis-shutdown"}, started("redis")}),
	"sentinel": union({{"/redis"}, started("sentinel")}),
}

started(part) := {sprintf("/%s-startup", [part])} if count(startup(part)) > 0

else := set()
