# The Services of the repository, both manifests and those that operators create, and the Redis behind each.
package redisgitops.lib.services

import data.redisgitops.lib.group
import data.redisgitops.lib.redisfailover

# Each index is built as a whole, once: index[key] of a "contains" rule would search everything for each key.
object_ids := objects

ways := endpoints

redis_by_name := redis_named

# The ids of the rendered Services by name.
objects := group.by([[r.name, r.id] |
	some r in data.repo.resources
	r.kind == "Service"
])

# The endpoints of Redis instances by the name of the Service: {"redis": index, "role": "writes", "reads", "sentinels", "any" or
# "other", "namespace", "ports": the port numbers}. "any" is a Service for all pods, "other" one for another purpose.
endpoints := group.by(array.concat(array.concat(endpoints_1, endpoints_2), endpoints_3))

endpoints_1 := [[e.host, {"redis": i, "role": role, "namespace": redis.namespace, "ports": {e.port} - {0}}] |
	some i, redis in data.repo.redis
	some role in roles
	some e in redis[role]
	not by_selector(redis, role, e)
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
	not by_selector(redis, role, e)
}

# The Services that select the master and the replicas, without those in selecting.
any_pod(redis) := {e.host | some e in redis.any; not by_selector(redis, "any", e)}

# A Service of the repository is in selecting, with its ports.
by_selector(redis, "any", e) if {
	redis.kind == "RedisFailover"
	e.port == 0
}

redis_named := group.by([[redis.name, i] |
	some i, redis in data.repo.redis
])

# The rendered Services that select pods of a RedisFailover by its name: {"service", "redis", "role", "namespace"}.
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

# Whether a selector selects pods of a RedisFailover: one missing label is enough to select none.
matches(selector, rf) if {
	some part in redisfailover.parts
	pod := redisfailover.pod_labels(rf, part)
	every key, value in selector { has(pod, key, value) }
}

has(pod, key, value) if pod[key] == value

has(_, "redisfailovers-role", value) if value in {"master", "slave"}

# The Services that point to the master of a Redis, manifests of the repository first.
masters(i) := array.concat(
	sort({s.service.name | some s in selecting; s.redis == i; s.role == "writes"}),
	sort({e.host | some e in data.repo.redis[i].writes}),
)

# The RedisFailover that a selector names.
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

# Whether two namespaces may be the same; "" is unknown.
same_namespace(a, b) if a == b

same_namespace("", _)

same_namespace(a, "") if a != ""

# The namespaces with a Service of a name; "" is unknown.
namespaces(name) := {data.repo.resources[id].namespace | some id in object_ids[name]} | {e.namespace | some e in ways[name]}

# The endpoints of a Service in a namespace.
behind(name, namespace) := {e |
	some e in ways[name]
	same_namespace(e.namespace, namespace)
}
