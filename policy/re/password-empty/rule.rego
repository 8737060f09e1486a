# METADATA
# title: Redis Enterprise database has an empty password
# description: |-
#   An empty password in the Secret of a database switches authentication off: every pod in the cluster can read and change
#   the data. Reported in strict mode only.
# custom:
#   severity: "off"
#   strict: warning
#   scope: repository
#   since: 0.1.0
#   remediation: Remove the Secret, so that the operator creates one with a generated password, or seal one with a password.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L240
package redisgitops.re["password-empty"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the password of the database %q is empty, which switches authentication off; set one", [r.name]),
	"resource": p.resource,
	"path": p.keys.password,
	"related": [{"resource": r.id, "path": ["metadata", "name"], "message": "the database"}],
} if {
	some r in enterprise.databases
	enterprise.redis(r.object)
	some p in secrets.of_name(r, enterprise.secret(r))
	secrets.value(data.repo.resources[p.resource].object, "password") == ""
}
