# METADATA
# title: additionalRedisConfig is not the name of a ConfigMap
# description: |-
#   The operator mounts the ConfigMap of that name, so pods with another value stay in ContainerCreating or are rejected
#   by Kubernetes, and Redis does not start. The field does not hold directives: they belong to the key
#   redis-additional.conf of a ConfigMap, and to redis-sentinel-additional.conf for a RedisSentinel.
# custom:
#   kinds: [Redis, RedisCluster, RedisReplication, RedisSentinel]
#   since: 0.1.0
#   remediation: |-
#     Move the directives to a ConfigMap with the key redis-additional.conf (redis-sentinel-additional.conf for a
#     RedisSentinel), and set the field to its name.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:363-365 and :427-440, getExternalConfig
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/agent/bootstrap/redis/config.go:42 and sentinel/config.go:125, the keys
package redisgitops.ops["additional-config-is-a-name"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("%s takes the name of a ConfigMap, and %s; put the directives into its key \"%s\"", [field, what(text), key]),
	"path": array.concat(["spec"], at),
} if {
	opstree.owns(input)
	walk(object.get(input, "spec", {}), [at, text])
	field := at[count(at) - 1]
	key := keys[field]
	is_string(text)
	not regex.match(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`, text)
	not ignored(at)
}

# ops/sentinel-config-ignored and ops/cluster-ignores-additional-config
ignored(at) if {
	input.kind == "RedisReplication"
	at[0] == "sentinel"
}

ignored(["redisConfig", _]) if input.kind == "RedisCluster"

keys := {"additionalRedisConfig": "redis-additional.conf", "additionalSentinelConfig": "redis-sentinel-additional.conf"}

what(text) := "this is configuration" if regex.match(`\s`, text)

else := sprintf("\"%s\" is not a valid one", [text])
