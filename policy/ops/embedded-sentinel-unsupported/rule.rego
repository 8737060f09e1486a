# METADATA
# title: Sentinels of spec.sentinel do not support a setting
# description: |-
#   The sentinels in a RedisReplication get neither certificates nor the option resolve-hostnames. With TLS Redis has no plain
#   port, so they never reach the master; with resolveHostnames the operator gives them a host name that they reject. In
#   both cases nothing fails over.
# custom:
#   kinds: [RedisReplication]
#   since: 0.1.0
#   remediation: Use a RedisSentinel instead of spec.sentinel, or remove the setting.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:104-150, the whole environment
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_controller.go:212-222 and :300-312
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/agent/bootstrap/redis/config.go:109-151, port 0 with TLS
package redisgitops.ops["embedded-sentinel-unsupported"]

import data.redisgitops.lib.opstree

deny contains {
	"message": "the sentinels of spec.sentinel cannot connect with TLS, so nothing fails over; use a RedisSentinel",
	"path": ["spec", "TLS"],
} if {
	opstree.owns(input)
	opstree.embedded(input)
	is_object(input.spec.TLS)
}

deny contains {
	"message": "the sentinels of spec.sentinel reject host names, so they never monitor the master; remove resolveHostnames, or use a RedisSentinel",
	"path": ["spec", "sentinel", "resolveHostnames"],
} if {
	opstree.owns(input)
	opstree.embedded(input)
	input.spec.sentinel.resolveHostnames == "yes"
}
