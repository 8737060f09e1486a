# METADATA
# title: Memory limit without maxmemory
# description: |-
#   Redis does not know the limit of its container. Without maxmemory it grows until it is OOM-killed, and with the
#   master the data that no replica has yet; the replicas then reload everything and are often killed as well.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis]
#   fix: 'adds maxmemory with 75% of the limit (suggested: of the request)'
#   since: 0.1.0
#   remediation: |-
#     Set maxmemory to three quarters of the limit and at most to the request, and maxmemory-policy to the behavior
#     you want when it is reached.
#   references:
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/769
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/defaults.go:17, defaultRedisCustomConfig
package redisgitops.mem["limit-without-maxmemory"]

import data.redisgitops.lib.memory
import data.redisgitops.lib.redis

deny contains object.union(memory.add_fix, {
	"message": sprintf("the memory limit is \"%v\" but maxmemory is not set, so Redis grows until it is killed; %s", [memory.limit_text, memory.advice(sprintf("add \"maxmemory %s\" to %s", [memory.most, redis.server.config.name]))]),
	"path": memory.limit_path,
}) if {
	memory.limit > 0
	memory.unlimited
}
