# The containers that connect to a Redis of Spotahome's operator, by the addresses in their environment.
package redisgitops.lib.clients

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.services
import data.redisgitops.lib.url

# connections are {"reference", "redis": the resource of the RedisFailover, "secret": the name it has, or "", "user", "password":
# as the address has them}. Addresses of sentinels are not here.
connections := [c |
	some u in url.references
	u.container != []
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

# parts of what stands before the @ of an address: user and password.
parts(text) := [substring(text, 0, i), substring(text, i + 1, -1)] if {
	i := indexof(text, ":")
	i >= 0
} else := [text, ""]

# container that an address stands in.
container(c) := object.get(data.repo.resources[c.reference.resource].object, c.reference.container, {})

# pod that an address stands in.
pod(c) := object.get(
	data.repo.resources[c.reference.resource].object,
	array.slice(c.reference.container, 0, count(c.reference.container) - 2), {},
)

# redis is the related place of a connection.
redis(c, message) := {"resource": c.redis.id, "path": ["spec", "auth", "secretPath"], "message": message}
