# METADATA
# title: PVC is too small for snapshots
# description: |-
#   Redis writes a snapshot, or a rewritten append-only file, next to the old one, so the volume temporarily stores
#   the data twice. When it is full, saving fails and Redis rejects writes (MISCONF).
# custom:
#   severity: warning
#   kinds: [redis]
#   remediation: Make the volume at least twice as large as maxmemory.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
#     - redis/redis src/rdb.c, rdbSaveInternal
package redisgitops.data["pvc-too-small"]

import data.redisgitops.lib.memory
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("the volume size \"%v\" is less than twice maxmemory \"%s\", which a second snapshot requires; use %dMi or more", [size, memory.maxmemory.text, ceil((2 * memory.maxmemory.bytes) / quantity.mebi)]),
	"path": path,
} if {
	size := object.get(input, path, "")
	quantity.bytes(size) < 2 * memory.maxmemory.bytes
}

deny contains {
	"message": sprintf("the volume size \"%v\" is smaller than the memory limit \"%v\"; use twice the limit", [size, memory.limit_text]),
	"path": path,
} if {
	size := object.get(input, path, "")
	memory.unlimited
	quantity.bytes(size) < memory.limit
}

# Of several claims, which has the data cannot be seen.
path := array.concat(redis.claims[0], ["resources", "requests", "storage"]) if count(redis.claims) == 1
