# METADATA
# title: Selector uses a label that labelWhitelist removes
# description: |-
#   With labelWhitelist, the operator only copies those labels of the RedisFailover to its pods whose name matches an
#   entry. A Service, policy, budget or monitor that selects another label matches nothing: the Service has no
#   endpoints, the policy protects nothing, the monitor finds nothing.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: Add the label to labelWhitelist, or remove it from the selector.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/handler.go:89, getLabels
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go generateRedisStatefulSet
package redisgitops.svc["selector-label-removed"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.selectors

deny contains object.union(
	{
		"message": sprintf("labelWhitelist removes the label %s from the pods of \"%s\", so this selector matches none; add \"%s\" to labelWhitelist, or remove the label here", [key, r.name, selectors.pattern(key)]),
		"resource": s.resource,
		"absent": {"namespace": r.namespace},
		"related": [{"resource": r.id, "path": ["spec", "labelWhitelist"], "message": "the label is removed here"}],
	},
	object.union(place(s, key), level(s)),
) if {
	some r in redisfailover.all
	count(object.get(r.object, ["spec", "labelWhitelist"], [])) > 0
	some key, value in r.object.metadata.labels
	not key in selectors.own
	not redisfailover.propagated(r.object, key)
	not key in by_kustomize
	some s in selectors.of_label(r.namespace, key, value)
	offered(r.object, s)
	not selected(r.object, s)
	for_redis(s)
}

# by_kustomize are labels that a kustomization adds to selectors, which kust/common-labels reports.
by_kustomize := {key | some d in kustomizations; some key, _ in d.data.commonLabels} | {key |
	some d in kustomizations
	some entry in d.data.labels
	entry.includeSelectors == true
	some key, _ in entry.pairs
}

kustomizations := [d | some d in data.repo.documents; d.type == "kustomization"]

offered(rf, s) if {
	some part in redisfailover.parts
	selectors.selects(s.selector, selectors.offered(rf, part))
}

selected(rf, s) if {
	some part in redisfailover.parts
	selectors.selects(s.selector, redisfailover.pod_labels(rf, part))
}

for_redis(s) if selectors.of_redis(s.selector)

for_redis(s) if {
	s.kind != "Service"
	not selectors.others_too(s)
}

for_redis(s) if {
	s.kind == "Service"
	not selectors.others_too(s)
	some port in data.repo.resources[s.resource].object.spec.ports
	object.get(port, "targetPort", port.port) in {6379, 26379, "redis", "sentinel"}
}

place(s, key) := {"path": array.concat(s.labels, [key]), "key": true} if s.selector.matchLabels[key]

else := {"path": s.path, "key": true}

level(s) := {} if s.kind in {"CiliumNetworkPolicy", "NetworkPolicy", "Service"}

else := {"severity": "warning"}
