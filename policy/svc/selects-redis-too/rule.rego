# METADATA
# title: Application Service also selects Redis pods
# description: |-
#   The operator labels its pods with app.kubernetes.io/name: <name of the RedisFailover>, a label that charts also
#   set on their own pods. A Service that only selects this label sends part of its requests to Redis and the
#   sentinels, on a port where nothing listens.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Add a label to the selector that Redis does not have, such as app.kubernetes.io/instance or
#     app.kubernetes.io/component, or rename the RedisFailover.
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go generateSelectorLabels
#     - https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
package redisgitops.svc["selects-redis-too"]

import data.redisgitops.lib.labels
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

for_others(service, selector) if {
	some pod in selectors.pods(service.namespace, {"matchLabels": selector})
	labels.selects({"matchLabels": selector}, pod)
}

for_others(service, _) if {
	some port in service.object.spec.ports
	not redis_port(object.get(port, "targetPort", object.get(port, "port", 6379)))
}

redis_port(target) if regex.match(`^(6379|9121|26379)$|redis|sentinel|metrics`, sprintf("%v", [target]))
