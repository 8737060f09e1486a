# METADATA
# title: Service targets no port of Redis
# description: |-
#   The selector of a Service must match the labels that the operator sets on its pods, and targetPort must be the
#   port of Redis. Otherwise the Service has no endpoints, or refuses connections. The same is true of the pods of a
#   StatefulSet or Deployment, whose port is that of its arguments or redis.conf.
# custom:
#   scope: repository
#   fix: sets the port by name
#   since: 0.1.0
#   remediation: |-
#     Select app.kubernetes.io/name: <name of the RedisFailover>, and the port by its name redis.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/names.go:10-47
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:336, generateRedisStatefulSet
#     - kubernetes/kubernetes v1.36.3 staging/src/k8s.io/api/core/v1/types.go, ServicePort.TargetPort
package redisgitops.svc["selector-or-port-wrong"]

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.others
import data.redisgitops.lib.pods
import data.redisgitops.lib.redis
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

# The Services of StatefulSets and Deployments.
deny contains {
	"message": sprintf("%s/%s %s, but the Service targets \"%v\"; set targetPort to its port", [own.kind, own.name, fault, target]),
	"resource": r.id,
	"path": ["spec", "ports", i, "targetPort"],
	"related": [{"resource": own.id, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	count(plain) > 0
	some r in data.repo.resources
	r.kind == "Service"
	selector := r.object.spec.selector
	key := min(object.keys(selector))
	selected := [p |
		some n in array.slice(sort(object.get(plain, [[r.namespace, key, selector[key]]], [])), 0, selectors.most)
		p := data.repo.pods[n]
		labels.selects({"matchLabels": selector}, p.labels)
		beside(r, pods.resource(p))
	]
	count(selected) == 1
	not others.selected(r.namespace, selector) # then it is for their port, and svc/selects-redis-too says so
	own := pods.resource(selected[0])
	some i, port in r.object.spec.ports
	target := object.get(port, "targetPort", port.port)
	fault := unserved(selected[0], own, target)
}

plain := group.by([[[pods.resource(p).namespace, key, value], i] |
	some i, p in data.repo.pods
	pods.resource(p).kind in {"Deployment", "StatefulSet"}
	some key, value in p.labels
])

beside(a, b) if a.unit != b.unit

beside(a, b) if a.set == b.set

# Why nothing answers at a target, if it is one for Redis.
unserved(p, own, target) := sprintf("listens on %s", [ports_of(listening)]) if {
	is_number(target)
	listening := redis.listening with input as with_files(own)
	every l in listening { not target in {l, l + 10000} } # that of the cluster bus
	redis_at := redis.server.container with input as own.object
	containers := pods.items(p, array.concat(p.containers, p.init))
	every c in containers { any_of([c.path == redis_at, not_at(c.object, target)]) }
	for_its_port(containers, redis_at, target)
} else := "has no port of that name" if {
	is_string(target)
	every c in pods.items(p, array.concat(p.containers, p.init)) { not target in {port.name | some port in c.object.ports} }
}

any_of(truths) if true in truths

not_at(container, target) := count([port | some port in container.ports; port.containerPort == target]) == 0

for_its_port(containers, _, _) if count(containers) == 1

for_its_port(_, _, 6379)

for_its_port(containers, at, target) if {
	some c in containers
	c.path == at
	some port in c.object.ports
	port.containerPort == target
}

ports_of(listening) := "no port" if count(listening) == 0

else := sprintf("port %s", [concat(" and ", [sprintf("%d", [l]) | some l in sort(listening)])])

# A workload with the configuration files of its volumes, as in rules about one resource.
with_files(r) := object.union(r.object, {redis.attached: object.union_n([{kind: {name: data.repo.resources[id].object[source[2]]}} |
	some volume in r.object.spec.template.spec.volumes
	some kind, source in {"ConfigMap": ["configMap", "name", "data"], "Secret": ["secret", "secretName", "stringData"]}
	name := volume[source[0]][source[1]]
	some id in object.get(stored, [[kind, name, r.unit, r.set, r.namespace]], [])
])})

stored := group.by([[[r.kind, r.name, r.unit, r.set, r.namespace], r.id] |
	some r in data.repo.resources
	r.kind in {"ConfigMap", "Secret"}
])

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
