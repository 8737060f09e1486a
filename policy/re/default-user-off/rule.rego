# METADATA
# title: Nobody can log in to the Redis Enterprise database
# description: |-
#   With defaultUser: false the default user is off, and the operator neither creates nor updates the Secret of the database.
#   Clients then log in as users whose role has an ACL in rolesPermissions; without these, every connection is refused.
# custom:
#   severity: warning
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Add rolesPermissions, or remove defaultUser.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L249
package redisgitops.re["default-user-off"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": "the default user is off and no role has permissions, so no client can log in; add rolesPermissions, or remove defaultUser",
	"path": array.concat(d.path, ["defaultUser"]),
} if {
	d := enterprise.redis(input)
	d.spec.defaultUser == false
	count(object.get(d.spec, "rolesPermissions", [])) == 0
}
