# METADATA
# title: Service targets no port of Redis
# description: |-
#   The selector of a Service must match the labels that the operator sets on its pods, and targetPort must be the
#   port of Redis. Otherwise the Service has no endpoints, or refuses connections.
# custom:
#   scope: repository
#   fix: sets the port by name
#   since: 0.1.0
#   remediation: |-
#     Select app.kubernetes.io/name: <name of the RedisFailover>, and the port by its name redis.
#   references:
#     - spotahome/redis-operator operator/redisfailover/service/names.go, generator.go
package redisgitops.svc["selector-or-port-wrong"]

import data.redisgitops.lib.group
import data.redisgitops.lib.selectors
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("no Redis \"%s\" in namespace \"%s\"; %s", [name, r.namespace, words(names_of(r.namespace))]),
	"resource": r.id,
	"path": ["spec", "selector", key],
	"absent": {"namespace": r.namespace, "name": name},
} if {
	some r in data.repo.resources
	r.kind == "Service"
	selector := r.object.spec.selector
	operators(selector)
	key := key_of(selector)
	name := selector[key]
	not services.redis_by_name[name]
	count(names_of(r.namespace)) > 0
	not renamed[r.unit]
}

# Where a kustomization renames all, kust/name-prefix says it.
renamed := {concat("/", array.slice(steps, 0, count(steps) - 1)) |
	some d in data.repo.documents
	d.type == "kustomization"
	some affix in ["namePrefix", "nameSuffix"]
	not object.get(d.data, affix, "") in {"", null}
	steps := split(d.file, "/")
}

deny contains object.union(
	{
		"message": sprintf("Redis \"%s\" listens on port %d, but the Service targets \"%v\"; set targetPort: redis", [redis.name, own, port.targetPort]),
		"resource": s.service.id,
		"path": ["spec", "ports", i, "targetPort"],
		"related": [{"resource": redis.resource, "path": ["spec", "redis", "port"], "message": "the port"}],
	},
	{"fix": {"path": ["spec", "ports", i, "targetPort"], "op": "set", "value": "redis"}},
) if {
	some s in services.selecting
	s.role != "sentinels"
	for_redis(s.service.object.spec.selector)
	redis := data.repo.redis[s.redis]
	redis.kind == "RedisFailover"
	some i, port in s.service.object.spec.ports
	own := object.get(data.repo.resources[redis.resource].object, ["spec", "redis", "port"], 6379)
	wrong(port.targetPort, own)
}

# for_redis reports whether a Service is one for Redis. A Service of the application that selects by the name alone selects Redis as well,
# which is another rule's, and its port is the application's.
for_redis(selector) if selectors.of_redis({"matchLabels": selector})

for_redis(selector) if selector["app.kubernetes.io/component"] == "redis"

wrong(target, port) if {
	is_number(target)
	not target in {port, 9121}
	not extra_ports # of containers beside Redis
}

wrong(target, _) if {
	is_string(target)
	regex.match(`^(redis-.*|.*-redis|tcp-redis|client|db|server)$`, target)
}

extra_ports if {
	some redis in data.repo.redis
	count(object.get(data.repo.resources[redis.resource].object, ["spec", "redis", "extraContainers"], [])) > 0
}

operators(selector) if selector["app.kubernetes.io/part-of"] == "redis-failover"

operators(selector) if selector["redisfailovers-role"]

key_of(selector) := "redisfailovers.databases.spotahome.com/name" if {
	selector["redisfailovers.databases.spotahome.com/name"]
} else := "app.kubernetes.io/name" if selector["app.kubernetes.io/name"]

names_of(namespace) := sort(object.get(all_named, namespace, set()) | object.get(all_named, "", set()))

all_named := named

named := group.by([[redis.namespace, redis.name] |
	some redis in data.repo.redis
	redis.kind == "RedisFailover"
])

words(names) := sprintf("existing: %s", [concat(", ", array.slice(names, 0, 3))])
