# METADATA
# title: New image cannot read the data
# description: |-
#   A server refuses a dump whose format is newer than its own, or of another server: Redis 7.2 that of 7.4, and Valkey 8 that of
#   Redis 7.4 or later. The file is refused as a whole and the server exits, so that the rollout stops at the first pod. The
#   formats are compared by the versions in the tags of the images.
# custom:
#   scope: native
#   compares: true
#   severity: error
#   since: 0.2.0
#   remediation: Keep the image, and move the data with `redis-gitops import` into a new Redis.
#   references:
#     - redis src/rdb.c:2444 (6.2.16), rdbLoadRioWithLoadingCtx
#     - valkey src/rdb.c:3015 (8.0.1)
#     - docs/images.md
package redisgitops.op["rdb-unreadable"]
