# METADATA
# title: maxmemory leaves too little memory headroom
# description: |-
#   maxmemory only covers the data: the copy-on-write memory of a fork for a snapshot or a new replica, output
#   buffers and fragmentation are added to it. Above 80 percent of the limit, a save under write load is enough to
#   get Redis OOM-killed.
# custom:
#   severity: warning
#   kinds: [redis]
#   fix: 'sets maxmemory to 75% of the limit (suggested: of the request)'
#   since: 0.1.0
#   remediation: Set maxmemory to three quarters of the limit and at most to the request, or raise both.
#   references:
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/769
package redisgitops.mem.headroom

import data.redisgitops.lib.memory

deny contains object.union(memory.lower_fix, {
	"message": sprintf("maxmemory %s is more than 80%% of the memory limit \"%v\"; %s", [memory.maxmemory.text, memory.limit_text, memory.advice(sprintf("set it to %s", [memory.target]))]),
	"path": memory.maxmemory.path,
	"related": [{"path": memory.limit_path, "message": "the limit"}],
}) if {
	memory.maxmemory.bytes < memory.limit
	memory.maxmemory.bytes > memory.limit * 0.8
}
