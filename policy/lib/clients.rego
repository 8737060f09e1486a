# The containers that connect to Redis instances of the Spotahome operator, found by the addresses in their environment.
package redisgitops.lib.clients

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.services
import data.redisgitops.lib.url

# The connections: {"reference", "redis": resource of the RedisFailover, "secret": name of its Secret or "", "user", "password":
# as in the address}. Sentinel addresses are excluded.
connections := [c |
	some u in url.references
	u.container != []
	not u.bare # its password is in another variable
	not url.sentinel(u)
	some host in u.hosts
	some e in services.behind(host.service, host.namespace)
	e.role in {"any", "reads", "writes"}
	r := data.repo.resources[data.repo.redis[e.redis].resource]
	r.kind == "RedisFailover"
	login := parts(u.user)
	c := {
		"reference": u, "redis": r, "secret": redisfailover.secret(r.object),
		"user": login[0], "password": login[1],
	}
]

# The user and password before the @ of a URL.
parts(text) := [substring(text, 0, i), substring(text, i + 1, -1)] if {
	i := indexof(text, ":")
	i >= 0
} else := [text, ""]

# The container with the address.
container(c) := object.get(data.repo.resources[c.reference.resource].object, c.reference.container, {})

# The pod spec with the address.
pod(c) := object.get(
	data.repo.resources[c.reference.resource].object,
	array.slice(c.reference.container, 0, count(c.reference.container) - 2), {},
)

# The RedisFailover of a connection, as a related location.
redis(c, message) := {"resource": c.redis.id, "path": ["spec", "auth", "secretPath"], "message": message}
