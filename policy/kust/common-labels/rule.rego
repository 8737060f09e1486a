# METADATA
# title: commonLabels change a selector for the operator's pods
# description: |-
#   commonLabels, and labels with includeSelectors, are also added to the selectors of Services. The Redis pods are
#   created by the operator: they only have these labels if the RedisFailover is in the same kustomization and its
#   labelWhitelist keeps them. Otherwise the Service selects nothing.
# custom:
#   scope: repository
#   fix: 'suggested: sets includeSelectors: false'
#   since: 0.1.0
#   remediation: |-
#     Use labels with [{pairs: …, includeSelectors: false}] instead of commonLabels.
#   references:
#     - Kustomize, labels and commonLabels
#     - https://github.com/kubernetes-sigs/kustomize/issues/1009
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/handler.go getLabels
package redisgitops.kust["common-labels"]

import data.redisgitops.lib.group
import data.redisgitops.lib.pods
import data.redisgitops.lib.services

deny contains object.union(
	{
		"message": sprintf("%s is added to the selector of Service \"%s\", but the operator's pods do not have this label; use labels with includeSelectors: false", [label, s.service.name]),
		"file": d.file,
		"document": d.document,
		"path": at.path,
		"key": true,
		"related": [{"resource": s.service.id, "path": ["spec", "selector"], "message": "the Service"}],
	},
	at.fix,
) if {
	count(labelling) > 0
	some s in selecting
	some label in sort(object.keys(s.selector) - operators)
	not copied(s, label)
	some at in labelling[[label, s.selector[label]]]
	d := at.document
	startswith(concat("", [s.service.unit, "/"]), concat("", [parent(d.file), "/"]))
}

# A base's kustomization is elsewhere: then the label and its value alone connect them.
deny contains {
	"message": sprintf("%s is added to the selector of Service \"%s\", but the operator's pods do not have this label; use labels with includeSelectors: false", [label, s.service.name]),
	"file": d.file,
	"document": d.document,
	"path": at.path,
	"key": true,
	"related": [{"resource": s.service.id, "path": ["spec", "selector"], "message": "the Service"}],
} if {
	count(labelling) > 0
	some s in selecting
	some label in sort(object.keys(s.selector) - operators)
	not copied(s, label)
	places := labelling[[label, s.selector[label]]]
	every at in places { not startswith(concat("", [s.service.unit, "/"]), concat("", [parent(at.document.file), "/"])) }
	count(places) == 1
	some at in places
	d := at.document
}

selecting := [{"service": r, "selector": selector} |
	some r in data.repo.resources
	r.kind == "Service"
	selector := r.object.spec.selector
	of_operator(selector)
]

of_operator(selector) if selector["app.kubernetes.io/part-of"] == "redis-failover"

of_operator(selector) if selector["redisfailovers-role"]

# The operator copies the label to the pods that the Service is for.
copied(s, label) if {
	some i in of_redis(s)
	some j in object.get(pods.beside, data.repo.redis[i].resource, [])
	data.repo.pods[j].labels[label] == s.selector[label]
}

of_redis(s) := {i |
	some i in services.redis_by_name[services.target(s.selector)]
	services.same_namespace(data.repo.redis[i].namespace, s.service.namespace)
} if {
	services.target(s.selector)
} else := object.get(by_unit, s.service.unit, set())

by_unit := group.by([[data.repo.resources[redis.resource].unit, i] | some i, redis in data.repo.redis])

operators := {
	"app.kubernetes.io/component", "app.kubernetes.io/managed-by", "app.kubernetes.io/name", "app.kubernetes.io/part-of",
	"redisfailovers-role", "redisfailovers.databases.spotahome.com/name", "statefulset.kubernetes.io/pod-name",
}

# labelling are the kustomizations by the label and value that they put into selectors.
labelling := {key: value | some key, value in each_labelling}

each_labelling := group.by(array.concat(each_labelling_1, each_labelling_2))

each_labelling_1 := [[[label, value], {"document": object.filter(d, ["file", "document"]), "path": ["commonLabels", label], "fix": {}}] |
	some d in kustomizations
	some label, value in d.data.commonLabels
]

each_labelling_2 := [[[label, value], {"document": object.filter(d, ["file", "document"]), "path": ["labels", i, "includeSelectors"], "fix": {"fix": {"path": ["labels", i, "includeSelectors"], "op": "set", "value": false, "suggested": "it changes all selectors in the kustomization, and selectors of workloads are immutable"}}}] |
	some d in kustomizations
	some i, entry in d.data.labels
	entry.includeSelectors == true
	some label, value in entry.pairs
]

kustomizations := [d | some d in data.repo.documents; d.type == "kustomization"]

parent(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")
