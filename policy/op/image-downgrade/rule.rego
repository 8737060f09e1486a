# METADATA
# title: Image of Redis becomes older
# description: |-
#   The older server reads the data of the newer one, but lacks its fixes and commands, and Redis does not test that direction.
#   A version that cannot read the data is reported by op/rdb-unreadable.
# custom:
#   scope: native
#   compares: true
#   severity: warning
#   strict: error
#   since: 0.2.0
#   remediation: Keep the version, or go back only to one that ran with this data, after a dump.
#   references:
#     - redis src/rdb.h, RDB_VERSION
#     - redis src/rdb.c, rdbLoadRioWithLoadingCtx
package redisgitops.op["image-downgrade"]
