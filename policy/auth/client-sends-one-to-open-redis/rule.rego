# METADATA
# title: Client sends a password to a Redis without one
# description: |-
#   Redis without a password rejects AUTH ("called without any password configured", or "Client sent AUTH, but no
#   password is set"), and most clients then fail to connect.
# custom:
#   severity: error
#   scope: repository
#   remediation: Set spec.auth.secretPath, or remove the password from the URL.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/201
#     - redis/redis src/acl.c, authCommand
package redisgitops.auth["client-sends-one-to-open-redis"]

import data.redisgitops.lib.clients
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the URL in \"%s\" has a password, but \"%s\" has none, so AUTH fails; set spec.auth.secretPath there, or remove the password here", [c.reference.name, c.redis.name]),
	"resource": c.reference.resource,
	"path": c.reference.path,
	"related": [clients.redis(c, "the Redis without a password")],
} if {
	some c in clients.connections
	c.secret == ""
	c.password != ""
	c.user == "" # AUTH default anything is fine
	count([d | some d in redisfailover.directives(object.get(c.redis.object, ["spec", "redis", "customConfig"], [])); d.key in {"requirepass", "user"}]) == 0
}
