# METADATA
# title: URL selects a database that does not exist
# description: |-
#   Redis has 16 databases, numbered from 0, unless databases is set. SELECT of another one fails with "ERR DB index
#   is out of range", and the client does not connect.
# custom:
#   severity: warning
#   scope: repository
#   since: 0.1.0
#   remediation: Use a database below 16, or configure more databases.
#   references:
#     - Redis redis.conf, databases
package redisgitops.url["db-index"]

import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" has databases 0 to %d, not %d; use one of these, or start redis-server with --databases", [redis.name, databases(redis) - 1, reference.db]),
	"resource": reference.resource,
	"path": reference.path,
} if {
	some reference in url.references
	reference.db > 15
	not url.sentinel(reference)
	some host in reference.hosts
	some i in url.redises(host)
	redis := data.repo.redis[i]
	reference.db >= databases(redis)
}

databases(redis) := to_number(command[i + 1]) if {
	command := data.repo.resources[redis.resource].object.spec.redis.command
	some i, word in command
	word == "--databases"
} else := 16
