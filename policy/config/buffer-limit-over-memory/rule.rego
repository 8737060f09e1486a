# METADATA
# title: Replica output buffer exceeds the container's memory
# description: |-
#   Replica output buffers are allocated in addition to maxmemory. While a replica reads slowly or resynchronizes,
#   its buffer grows up to the hard limit; a hard limit above the memory limit gets the master OOM-killed in the
#   middle of a resynchronization.
# custom:
#   severity: warning
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Lower the hard limit, or raise the memory limit.
#   references:
#     - spotahome/redis-operator 632aa3da example/redisfailover/custom-config.yaml:18-20
#     - Redis redis.conf, client-output-buffer-limit
package redisgitops.config["buffer-limit-over-memory"]

import data.redisgitops.lib.memory
import data.redisgitops.lib.opstree
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("a replica output buffer may grow to %s, more than the memory limit \"%v\"; lower the hard limit to what fits next to maxmemory", [hard, memory.limit_text]),
	"path": d.path,
	"related": [{"path": memory.limit_path, "message": "the limit"}],
} if {
	not alone
	some d in redis.directives
	d.key == "client-output-buffer-limit"
	words := [trim(w, `"'`) | some w in split(d.value, " "); w != ""]
	some i, class in words
	lower(class) in {"replica", "slave"}
	hard := words[i + 1]
	quantity.redis_bytes(hard) > memory.limit
}

# A Redis without replicas has no such buffer.
alone if redis.replicas(redis.server) == 1

alone if {
	input.kind == "Redis"
	opstree.owns(input)
}
