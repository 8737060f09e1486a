# METADATA
# title: RedisCluster ignores a setting at this location
# description: |-
#   A RedisCluster reads additionalRedisConfig only under redisLeader and redisFollower, and maxMemoryPercentOfLimit and
#   dynamicConfig only under spec.redisConfig. It reads resources under redisLeader, redisFollower and kubernetesConfig, not
#   under spec. The CRD has the fields in the other locations too, so nothing reports that they have no effect.
# custom:
#   kinds: [RedisCluster]
#   since: 0.1.0
#   remediation: Move the setting to the location in the message.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-cluster.go:139-141, :274-276 and :294-296
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/rediscluster/v1beta2/rediscluster_types.go:86-112, the resources and GetRedisDynamicConfig
package redisgitops.ops["cluster-ignores-additional-config"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("a RedisCluster ignores %s; %s", [concat(".", array.slice(path, 1, count(path))), advice]),
	"path": path,
} if {
	opstree.owns(input)
	some [path, advice] in ignored
	not object.get(input, path, null) in [null, "", [], {}]
}

ignored := array.concat(
	[
		[["spec", "redisConfig", "additionalRedisConfig"], "set redisLeader.redisConfig.additionalRedisConfig and redisFollower.redisConfig.additionalRedisConfig"],
		[["spec", "resources"], "set kubernetesConfig.resources"],
	],
	[[["spec", part, "redisConfig", field], sprintf("set redisConfig.%s", [field])] |
		some part in ["redisLeader", "redisFollower"]
		some field in ["dynamicConfig", "maxMemoryPercentOfLimit"]
	],
)
