# METADATA
# title: maxmemory is as large as the memory limit
# description: |-
#   maxmemory only covers the data: the copy-on-write memory of a fork for a snapshot or a new replica, output
#   buffers and fragmentation are added to it. With maxmemory at or above the limit, Redis is OOM-killed before it
#   starts to evict keys or to reject writes.
# custom:
#   kinds: [redis]
#   fix: 'sets maxmemory to 75% of the limit (suggested: of the request)'
#   since: 0.1.0
#   remediation: Set maxmemory to three quarters of the limit and at most to the request, or raise both.
#   references:
#     - Redis evict.c getMaxmemoryState
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/769
package redisgitops.mem["maxmemory-at-limit"]

import data.redisgitops.lib.memory

deny contains object.union(memory.lower_fix, {
	"message": sprintf("maxmemory %s is not below the memory limit \"%v\", so Redis is killed before it is full; %s", [memory.maxmemory.text, memory.limit_text, memory.advice(sprintf("set it to %s", [memory.target]))]),
	"path": memory.maxmemory.path,
	"related": [{"path": memory.limit_path, "message": "the limit"}],
}) if {
	memory.maxmemory.bytes >= memory.limit
}
