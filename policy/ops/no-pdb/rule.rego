# METADATA
# title: Pods have no PodDisruptionBudget
# description: |-
#   pdb.enabled is off by default, so node drains may evict the master with all its replicas, or most sentinels, at
#   once. The sentinels of spec.sentinel have no such field: they need a PodDisruptionBudget of your own.
# custom:
#   severity: "off"
#   strict: warning
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set pdb.enabled to true (redisLeader.pdb and redisFollower.pdb of a RedisCluster); for spec.sentinel, add a
#     PodDisruptionBudget that selects the labels of the pods.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/poddisruption.go:21-85
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:44-58, no budget
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/1357
package redisgitops.ops["no-pdb"]

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.pods
import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the %d %s pods have no PodDisruptionBudget, so node drains may evict them all; %s", [p.replicas, p.part, advice(p, field)]),
	"resource": p.resource,
	"path": place(r.object, field),
	"absent": {"namespace": r.namespace},
} if {
	some p in data.repo.pods
	p.operator == "opstree"
	p.replicas > 1
	r := pods.resource(p)
	field := fields[r.kind][p.part]
	object.get(r.object, array.concat(field, ["enabled"]), false) != true
	not budgeted(p, r)
}

# fields are the budgets in the resource, by the part of the pods.
fields := {
	"RedisCluster": {"leader": ["spec", "redisLeader", "pdb"], "follower": ["spec", "redisFollower", "pdb"]},
	"RedisReplication": {"redis": ["spec", "pdb"], "sentinel": ["spec", "sentinel", "pdb"]},
	"RedisSentinel": {"sentinel": ["spec", "pdb"]},
}

advice(p, ["spec", "sentinel", "pdb"]) := sprintf("add one that selects app: %s", [p.labels.app])

advice(_, field) := sprintf("set %s.enabled to true", [concat(".", array.slice(field, 1, 3))]) if field != ["spec", "sentinel", "pdb"]

place(_, ["spec", "sentinel", "pdb"]) := ["spec", "sentinel", "size"]

place(resource, field) := array.concat(field, ["enabled"]) if {
	field != ["spec", "sentinel", "pdb"]
	is_object(resource)
}

budgeted(p, r) if {
	some key, value in object.union(p.labels, {"": ""})
	some namespace in {r.namespace, ""}
	some i in object.get(budgets, [[namespace, key, value]], [])
	b := data.repo.resources[i]
	secrets.meets(b, r)
	labels.selects(object.get(b.object, ["spec", "selector"], null), p.labels)
}

# budgets are the PodDisruptionBudgets by namespace and a label that they select.
budgets := {at: array.slice(sort(found), 0, secrets.most) | some at, found in by_label}

by_label := group.by([[array.concat([b.namespace], label(b.object)), b.id] |
	some b in data.repo.resources
	b.kind == "PodDisruptionBudget"
])

# label is the most specific one: app if it is set.
label(budget) := ["app", value] if {
	value := budget.spec.selector.matchLabels.app
} else := [keys[0], budget.spec.selector.matchLabels[keys[0]]] if {
	keys := sort(object.keys(budget.spec.selector.matchLabels))
} else := ["", ""]
