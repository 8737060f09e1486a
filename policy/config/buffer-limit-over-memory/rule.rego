# METADATA
# title: Replica output buffer exceeds the container's memory
# description: |-
#   Replica output buffers are allocated in addition to maxmemory. While a replica reads slowly or resynchronizes,
#   its buffer grows up to the hard limit; a hard limit above the memory limit gets the master OOM-killed in the
#   middle of a resynchronization.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Lower the hard limit, or raise the memory limit.
#   references:
#     - spotahome/redis-operator example/redisfailover/custom-config.yaml
#     - Redis redis.conf, client-output-buffer-limit
package redisgitops.config["buffer-limit-over-memory"]

import data.redisgitops.lib.memory
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("a replica output buffer may grow to %s, more than the memory limit \"%v\"; lower the hard limit to what fits next to maxmemory", [d.words[2], input.spec.redis.resources.limits.memory]),
	"path": ["spec", "redis", "customConfig", d.index],
	"related": [{"path": ["spec", "redis", "resources", "limits", "memory"], "message": "the limit"}],
} if {
	some d in redisfailover.redis
	d.key == "client-output-buffer-limit"
	lower(d.words[1]) in {"replica", "slave"}
	quantity.redis_bytes(d.words[2]) > memory.limit
}
