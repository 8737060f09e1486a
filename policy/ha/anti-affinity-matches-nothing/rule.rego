# METADATA
# title: Anti-affinity matches no pod of this Redis
# description: |-
#   An anti-affinity or topology spread constraint whose selector does not match the pods, or that has none, has no effect: all
#   replicas can be scheduled on one node. The pods of a RedisFailover have the labels app.kubernetes.io/name (its name),
#   app.kubernetes.io/component (redis or sentinel) and app.kubernetes.io/part-of (redis-failover), and its own labels that
#   labelWhitelist allows. Those of OpsTree have app (the name of the StatefulSet), role and redis_setup_type. A selector that
#   matches other pods of the repository keeps Redis away from those, and is not reported.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: Select labels of the pods, such as app.kubernetes.io/name and app.kubernetes.io/component of a RedisFailover.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, generateSelectorLabels
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/handler.go, getLabels
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/common/labels.go:20-26, GetRedisLabels
package redisgitops.ha["anti-affinity-matches-nothing"]

import data.redisgitops.lib.labels
import data.redisgitops.lib.pods
import data.redisgitops.lib.selectors

deny contains {
	"message": sprintf("no anti-affinity term matches the %s pods; use the labels %s", [p.part, wanted(p)]),
	"resource": p.resource,
	"path": array.concat(terms[0].path, ["labelSelector"]),
} if {
	some [_, p] in pods.placed
	count(p.labels) > 0
	terms := array.concat(pods.required(p), pods.preferred(p))
	count(terms) > 0
	every t in terms { not effective(p, object.get(t.object, "labelSelector", null)) }
}

deny contains {
	"message": sprintf("the topology spread constraint does not match the %s pods; use the labels %s", [p.part, wanted(p)]),
	"resource": p.resource,
	"path": array.concat(constraint.path, ["labelSelector"]),
} if {
	some [_, p] in pods.placed
	count(p.labels) > 0
	some constraint in pods.items(p, [path | path := p.at.topologySpreadConstraints])
	selector := object.get(constraint.object, "labelSelector", null)
	not labels.selects(selector, p.labels)
	not of_role(p, selector)
}

effective(p, selector) if labels.selects(selector, p.labels)

# The sentinels may keep away from Redis alone.
effective(p, selector) if {
	p.part == "sentinel"
	some i in pods.beside[p.resource]
	labels.selects(selector, data.repo.pods[i].labels)
}

effective(p, selector) if of_role(p, selector)

effective(p, selector) if {
	some other in pods.selected(pods.resource(p).namespace, selector)
	other.resource != p.resource
}

effective(p, selector) if {
	some template in selectors.pods(pods.resource(p).namespace, selector)
	labels.selects(selector, template)
}

# The operator changes the labels of roles.
of_role(p, selector) if {
	some key, _ in selector.matchLabels
	regex.match(`(?i)role$`, key)
	not p.labels[key]
}

wanted(p) := concat(" and ", [sprintf("\"%s\": \"%s\"", [key, p.labels[key]]) | some key in array.slice(best(p), 0, 2)])

best(p) := usual if {
	usual := [key | some key in ["app.kubernetes.io/name", "app.kubernetes.io/component", "app", "role", "app.kubernetes.io/instance"]; p.labels[key]]
	count(usual) > 0
} else := sort(object.keys(p.labels))
