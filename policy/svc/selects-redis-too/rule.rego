# METADATA
# title: Application Service also selects Redis pods
# description: |-
#   The Spotahome operator labels its pods with app.kubernetes.io/name: <name of the RedisFailover>, OpsTree's with
#   app: <name>, KubeDB's with app.kubernetes.io/instance: labels that charts also set on their own pods. A Service that
#   only selects such a label sends part of its requests to Redis and the sentinels, on a port where nothing listens.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Add a label to the selector that Redis does not have, such as app.kubernetes.io/instance or
#     app.kubernetes.io/component, or rename the RedisFailover.
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go generateSelectorLabels
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/labels.go
#     - https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
package redisgitops.svc["selects-redis-too"]

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.others
import data.redisgitops.lib.pods
import data.redisgitops.lib.selectors
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("the Service \"%s\" also selects the pods of the Redis \"%s\"; add a label to its selector that those pods do not have, such as app.kubernetes.io/component", [s.service.name, redis.name]),
	"resource": s.service.id,
	"path": ["spec", "selector"],
	"key": true,
	"related": [{"resource": redis.resource, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	some s in services.selecting
	selector := s.service.object.spec.selector
	not selectors.of_redis({"matchLabels": selector})
	not selector["app.kubernetes.io/component"]
	for_others(s.service, selector)
	redis := data.repo.redis[s.redis]
}

# The Redis of other operators and of plain workloads: a Service for a port of other pods, which it selects too.
deny contains {
	"message": sprintf("the Service \"%s\" also selects the pods of the Redis \"%s\"; add a label to its selector that those pods do not have, such as app.kubernetes.io/component", [r.name, redis.name]),
	"resource": r.id,
	"path": ["spec", "selector"],
	"key": true,
	"related": [{"resource": redis.id, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	count(of_others) > 0
	some r in data.repo.resources
	r.kind == "Service"
	selector := r.object.spec.selector
	key := min(object.keys(selector))
	some i in object.get(of_others, [[r.namespace, key, selector[key]]], [])
	p := data.repo.pods[i]
	labels.selects({"matchLabels": selector}, p.labels)
	redis := pods.resource(p)
	some port in r.object.spec.ports
	not redis_port(object.get(port, "targetPort", object.get(port, "port", 6379)))
	others.selected(r.namespace, selector)
}

# The pods of Redis and of nothing else by a label.
of_others := others.bounded(group.by([[[pods.resource(p).namespace, key, value], i] |
	some i, p in data.repo.pods
	pods.resource(p).kind != "RedisFailover"
	every c in containers(p) { others.of_redis(c) }
	some key, value in p.labels
]))

containers(p) := [c.object | some c in pods.items(p, p.containers); c.object.image]

for_others(service, selector) if {
	some pod in selectors.pods(service.namespace, {"matchLabels": selector})
	labels.selects({"matchLabels": selector}, pod)
}

for_others(service, _) if {
	some port in service.object.spec.ports
	not redis_port(object.get(port, "targetPort", object.get(port, "port", 6379)))
}

redis_port(target) if regex.match(`^(6379|9121|26379)$|redis|sentinel|metrics`, sprintf("%v", [target]))
