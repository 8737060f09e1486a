# METADATA
# title: RedisFailover labels propagate to the pods
# description: |-
#   Without labelWhitelist, the operator copies all labels of the RedisFailover to the pod templates and to the
#   selectors of its disruption budgets. A label that changes, such as a chart version or one set by Argo CD,
#   restarts every Redis. A label that a Service, NetworkPolicy, PodDisruptionBudget, monitor, affinity or any other
#   selector in the repository requires must remain, and so must one that the webhook of a mesh or agent reads on pods,
#   such as sidecar.istio.io/inject.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   fix: 'adds labelWhitelist: ["^$"], or the labels that selectors in the repository use'
#   since: 0.1.0
#   remediation: Set spec.labelWhitelist to ["^$"], which propagates no label, or to the labels that the pods need.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:674, generatePodDisruptionBudget
#     - spotahome/redis-operator 632aa3da operator/redisfailover/handler.go:89, getLabels
#     - https://github.com/spotahome/redis-operator/pull/195
#     - https://github.com/spotahome/redis-operator/issues/706
#     - https://istio.io/latest/docs/reference/config/labels/
package redisgitops.op["labels-propagate"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.selectors

deny contains {
	"message": sprintf("the labels %s are copied to the pods, so changing one restarts all of them; add labelWhitelist: %s to spec%s", [concat(", ", sort(object.keys(labels))), json.marshal(patterns), kept(wanted, r)]),
	"resource": r.id,
	"path": ["metadata", "labels"],
	"fix": {"path": ["spec", "labelWhitelist"], "op": "add", "value": patterns},
} if {
	some r in redisfailover.all
	labels := object.get(r.object, ["metadata", "labels"], {})
	count(labels) > 0
	object.get(r.object, ["spec", "labelWhitelist"], []) in [[], null]
	wanted := selectors.wanted(r)
	patterns := whitelist(wanted)
}

whitelist(wanted) := ["^$"] if count(wanted) == 0

else := [selectors.pattern(key) | some key in sort(wanted)]

kept(wanted, r) := "" if count(wanted) == 0

else := sprintf(", which keeps the labels that selectors%s use: %s", [injectors(r), concat(", ", sort(wanted))])

injectors(r) := " or sidecar injectors" if count(selectors.injected(r)) > 0

else := ""
