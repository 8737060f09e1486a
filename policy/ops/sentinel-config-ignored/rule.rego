# METADATA
# title: Setting of spec.sentinel has no effect
# description: |-
#   The sentinels in a RedisReplication share the fields of a RedisSentinel, and the operator reads only some of them. Their
#   quorum is always half of size plus one, and additionalSentinelConfig is not mounted.
# custom:
#   severity: warning
#   kinds: [RedisReplication]
#   fix: removes the setting
#   since: 0.1.0
#   remediation: Remove the setting, or use a RedisSentinel, which has it.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:44-150
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_controller.go:314-335, the quorum and what is set
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/redisreplication/v1beta2/redisreplication_types.go:45-58, Sentinel
package redisgitops.ops["sentinel-config-ignored"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("the operator ignores %s of spec.sentinel; %s", [field, advice(field, size)]),
	"path": ["spec", "sentinel", field],
	"fix": {"path": ["spec", "sentinel", field], "op": "remove"},
} if {
	opstree.owns(input)
	size := opstree.embedded(input)
	some field, value in input.spec.sentinel
	field in ignored
	not value in [null, "", [], {}]
	not anyway(field, value, size)
}

ignored := {
	"additionalSentinelConfig", "announceHostnames", "ignoreAnnotations", "minReadySeconds",
	"persistentVolumeClaimRetentionPolicy", "quorum", "service", "updateStrategy",
}

advice("quorum", size) := sprintf("it is always %d of %d sentinels; remove it", [floor(size / 2) + 1, size])

advice(field, _) := "remove it, or use a RedisSentinel" if field != "quorum"

# What the operator does anyway.
anyway("announceHostnames", "no", _)

anyway("quorum", value, size) if value == sprintf("%d", [floor(size / 2) + 1])
