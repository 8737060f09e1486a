# METADATA
# title: Labels of the RedisFailover reach its pods
# description: |-
#   Without labelWhitelist the operator copies all labels of the RedisFailover to the pod templates and to the selector of
#   its disruption budgets. A label that changes, such as a chart's version or one that Argo CD sets, restarts every
#   Redis.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: 'adds labelWhitelist: ["^$"]'
#   since: 0.1.0
#   remediation: Set spec.labelWhitelist to ["^$"], which lets no label through, or to the labels that the pods shall have.
#   references:
#     - spotahome/redis-operator operator/redisfailover/service/generator.go generatePodDisruptionBudget
#     - operator/redisfailover/handler.go getLabels
#     - https://github.com/spotahome/redis-operator/pull/195
#     - https://github.com/spotahome/redis-operator/issues/706
package redisgitops.op["labels-propagate"]

deny contains {
	"message": sprintf("the labels %s go to the pods, and a change of one restarts every Redis; add labelWhitelist: [\"^$\"] to spec", [concat(", ", sort(object.keys(labels)))]),
	"path": ["metadata", "labels"],
	"fix": {"path": ["spec", "labelWhitelist"], "op": "add", "value": ["^$"]},
} if {
	labels := input.metadata.labels
	count(labels) > 0
	object.get(input, ["spec", "labelWhitelist"], []) in [[], null]
}
