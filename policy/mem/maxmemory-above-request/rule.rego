# METADATA
# title: maxmemory is above the memory request
# description: |-
#   The node only reserves the request for the pod. A Redis that uses more is among the first pods to be evicted when
#   the node runs out of memory, including the master. The generator of Reclaim the Stack causes this, because it
#   treats mb as 1,000,000 bytes.
# custom:
#   severity: warning
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Raise the memory request to the limit, or lower maxmemory below the request.
#   references:
#     - Reclaim the Stack, generators/resources/redis.yaml
#     - Kubernetes, Node-pressure Eviction
package redisgitops.mem["maxmemory-above-request"]

import data.redisgitops.lib.memory
import data.redisgitops.lib.quantity

deny contains {
	"message": sprintf("maxmemory %s exceeds the request \"%v\", so a full Redis is evicted when its node runs out of memory; raise the request, or set %s, above which Redis %s", [memory.maxmemory.text, memory.request_text, most, memory.when_full]),
	"path": memory.maxmemory.path,
	"related": [{"path": memory.request_path, "message": "the request"}],
} if {
	memory.maxmemory.bytes > memory.request
	not at_limit
}

# Without a limit the request alone decides.
most := memory.most if memory.limit

else := quantity.redis_mb(memory.request)

# Then mem/maxmemory-at-limit says it.
at_limit if memory.maxmemory.bytes >= memory.limit
