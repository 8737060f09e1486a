# METADATA
# title: Memory limit without maxmemory
# description: |-
#   Redis does not know the limit of its container. Without maxmemory it grows until it is OOM-killed, and with the
#   master the data that no replica has yet; the replicas then reload everything and are often killed as well.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: 'adds maxmemory with 75% of the limit (suggested: of the request)'
#   since: 0.1.0
#   remediation: |-
#     Set maxmemory to three quarters of the limit and at most to the request, and maxmemory-policy to the behavior
#     you want when it is reached.
#   references:
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/769
#     - spotahome/redis-operator api/redisfailover/v1/defaults.go
package redisgitops.mem["limit-without-maxmemory"]

import data.redisgitops.lib.memory

deny contains {
	"message": sprintf("the memory limit is \"%v\" but maxmemory is not set, so Redis grows until it is killed; %s", [text, memory.advice(sprintf("add \"maxmemory %s\" to customConfig", [memory.most]))]),
	"path": ["spec", "redis", "resources", "limits", "memory"],
	"fix": memory.add_fix,
} if {
	memory.limit > 0
	text := input.spec.redis.resources.limits.memory
	memory.unlimited
}
