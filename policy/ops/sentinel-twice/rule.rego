# METADATA
# title: Two sets of sentinels watch one RedisReplication
# description: |-
#   The sentinels of spec.sentinel and those of a RedisSentinel do not know each other under one master name, so each set
#   elects a master of its own when the old one is down: two masters accept writes, and those to one of them are lost.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Remove spec.sentinel or the RedisSentinel.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_controller.go:188-199, spec.sentinel
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redissentinel/redissentinel_controller.go:115-151, RedisSentinel
package redisgitops.ops["sentinel-twice"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("RedisReplication \"%s\" has sentinels of its own in spec.sentinel, and two sets can elect two masters; remove one", [target.name]),
	"resource": r.id,
	"path": ["spec", "redisSentinelConfig", "redisReplicationName"],
	"related": [{"resource": target.id, "path": ["spec", "sentinel"], "message": "the other sentinels"}],
} if {
	some r in opstree.of_kind("RedisSentinel")
	target := opstree.target(r)
	opstree.embedded(target.object)
}
