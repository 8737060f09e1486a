# The Services of the repository, those that stand there and those that operators make, and the Redis behind them.
package redisgitops.lib.services

import data.redisgitops.lib.group
import data.redisgitops.lib.redisfailover

# Each index has a name for the whole of it, which is made once: index[key] of a rule with "contains" alone would go through
# everything for each key.
object_ids := objects

ways := endpoints

redis_by_name := redis_named

# objects are the ids of the rendered Services by name.
objects := group.by([[r.name, r.id] |
	some r in data.repo.resources
	r.kind == "Service"
])

# endpoints are the ways to a Redis by the name of the Service: {"redis": index, "role": "writes", "reads", "sentinels", "any" or
# "other", "namespace", "ports": the numbers it answers on}. "any" is a Service over all copies, "other" one of another use.
endpoints := group.by(array.concat(array.concat(endpoints_1, endpoints_2), endpoints_3))

endpoints_1 := [[e.host, {"redis": i, "role": role, "namespace": redis.namespace, "ports": {e.port} - {0}}] |
	some i, redis in data.repo.redis
	some role in roles
	some e in redis[role]
]

endpoints_2 := [[o.name, {"redis": i, "role": "other", "namespace": redis.namespace, "ports": set()}] |
	some i, redis in data.repo.redis
	some o in redis.objects
	o.kind == "Service"
	not is_endpoint(redis, o.name)
]

endpoints_3 := [[name, {"redis": s.redis, "role": s.role, "namespace": s.namespace, "ports": ports(s.service.object)}] |
	some s in selecting
	name := s.service.name
]

roles := ["any", "reads", "sentinels", "writes"]

is_endpoint(redis, host) if {
	some role in roles
	some e in redis[role]
	e.host == host
}

redis_named := group.by([[redis.name, i] |
	some i, redis in data.repo.redis
])

# selecting are the rendered Services that select pods of a RedisFailover by its name: {"service", "redis", "role", "namespace"}.
selecting := [s |
	some name, ids in object_ids
	some id in ids
	r := data.repo.resources[id]
	selector := object.get(r.object, ["spec", "selector"], {})
	is_object(selector)
	of := target(selector)
	some i in redis_by_name[of]
	redis := data.repo.redis[i]
	redis.kind == "RedisFailover"
	same_namespace(redis.namespace, r.namespace)
	matches(selector, data.repo.resources[redis.resource].object)
	s := {"service": r, "redis": i, "role": role(selector), "namespace": r.namespace}
]

# matches says whether a selector selects pods of a RedisFailover: one label that they lack is enough for it to select none.
matches(selector, rf) if {
	some part in redisfailover.parts
	pod := redisfailover.pod_labels(rf, part)
	every key, value in selector { has(pod, key, value) }
}

has(pod, key, value) if pod[key] == value

has(_, "redisfailovers-role", value) if value in {"master", "slave"}

# masters are the Services that lead to the master of a Redis, those written in the repository first.
masters(i) := array.concat(
	sort({s.service.name | some s in selecting; s.redis == i; s.role == "writes"}),
	sort({e.host | some e in data.repo.redis[i].writes}),
)

# target is the RedisFailover that a selector names.
target(selector) := selector["redisfailovers.databases.spotahome.com/name"]

target(selector) := selector["app.kubernetes.io/name"] if not selector["redisfailovers.databases.spotahome.com/name"]

role(selector) := "writes" if {
	selector["redisfailovers-role"] == "master"
} else := "reads" if {
	selector["redisfailovers-role"] == "slave"
} else := "sentinels" if {
	selector["app.kubernetes.io/component"] == "sentinel"
} else := "any"

ports(service) := {p.port |
	some p in service.spec.ports
	is_number(p.port)
}

# same_namespace of two, where "" is one that nobody knows.
same_namespace(a, b) if a == b

same_namespace("", _)

same_namespace(a, "") if a != ""

# namespaces in which a Service of a name stands or is made; "" is one that nobody knows.
namespaces(name) := {data.repo.resources[id].namespace | some id in object_ids[name]} | {e.namespace | some e in ways[name]}

# behind gives the endpoints of a Service of a namespace.
behind(name, namespace) := {e |
	some e in ways[name]
	same_namespace(e.namespace, namespace)
}
