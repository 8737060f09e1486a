# METADATA
# title: Client connects without the required password
# description: |-
#   Redis requires the password of auth.secretPath, but this container neither has one in its connection URL nor
#   reads one from a Secret. Its commands fail with "NOAUTH Authentication required".
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: |-
#     Read the password from the Secret as REDIS_PASSWORD, defined before the URL, and use
#     redis://:$(REDIS_PASSWORD)@… in the URL.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisConfigMap
package redisgitops.auth["client-sends-none"]

import data.redisgitops.lib.clients

deny contains {
	"message": sprintf("\"%s\" has no password, but \"%s\" requires the one in Secret \"%s\"; read it into REDIS_PASSWORD and add :$(REDIS_PASSWORD)@ before the host", [c.reference.name, c.redis.name, c.secret]),
	"resource": c.reference.resource,
	"path": c.reference.path,
	"related": [clients.redis(c, "the Redis with a password")],
} if {
	some c in clients.connections
	c.secret != ""
	c.password == ""
	not takes_one(clients.container(c))
	not regex.match(sprintf(`(^|[^a-z0-9-])%s([^a-z0-9:.-]|$)`, [c.secret]), json.marshal(clients.pod(c))) # in a file, say
}

# Whatever comes from a Secret may be the password.
takes_one(container) if {
	some entry in container.envFrom
	entry.secretRef
}

takes_one(container) if {
	some entry in container.env
	regex.match(`(?i)pass|pwd|auth|secret|credential`, entry.name)
}
