# METADATA
# title: PodDisruptionBudget never permits an eviction
# description: |-
#   The budget requires as many Redis pods as there are, or permits no unavailable one, so draining a node, for an upgrade
#   for example, blocks until a pod is deleted manually. A second budget for the pods of a RedisFailover blocks as well:
#   the operator makes one, and Kubernetes evicts no pod with two.
# custom:
#   severity: warning
#   scope: repository
#   since: 0.2.0
#   remediation: |-
#     Require fewer pods than there are, or set maxUnavailable to 1. Remove a budget beside the operator's, or set
#     disablePodDisruptionBudget with an operator after 1.2.4.
#   references:
#     - https://kubernetes.io/docs/tasks/run-application/configure-pdb/
#     - kubernetes/kubernetes v1.36.3 pkg/registry/core/pod/storage/eviction.go, "more than one PodDisruptionBudget"
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, ensurePodDisruptionBudget
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/poddisruption.go:21-85
package redisgitops.ha["budget-permits-none"]

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.pods
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.selectors

deny contains {
	"message": sprintf("this PodDisruptionBudget never permits evicting %s of %s, so node drains never complete; %s", [whom(total, ""), pods.resource(first).name, remedy(total)]),
	"resource": b.id,
	"path": ["spec", field],
	"related": [{"resource": first.resource, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	some b in budgets
	selection := selections[[b.namespace, b.object.spec.selector]]
	selection.total > 0
	not selection.shared
	total := selection.total
	first := selection.first
	field := blocking(b.object.spec, total)
}

# The budget in a resource of OpsTree.
deny contains {
	"message": sprintf("pdb never permits evicting %s, so node drains never complete; %s", [whom(p.replicas, concat("", [p.part, " "])), remedy(p.replicas)]),
	"resource": p.resource,
	"path": array.concat(at, [field]),
} if {
	some p in data.repo.pods
	p.operator == "opstree"
	is_number(p.replicas)
	at := budget_of(p)
	pdb := object.get(pods.resource(p).object, at, {})
	pdb.enabled == true
	field := blocking(pdb, p.replicas)
}

# Without numbers it requires a majority of clusterSize.
deny contains {
	"message": sprintf("pdb requires %d of %d %s pods unless it says otherwise, so node drains never complete; set maxUnavailable to 1", [majority, p.replicas, p.part]),
	"resource": p.resource,
	"path": array.concat(at, ["enabled"]),
} if {
	some p in data.repo.pods
	p.operator == "opstree"
	p.replicas > 0
	at := budget_of(p)
	pdb := object.get(pods.resource(p).object, at, {})
	pdb.enabled == true
	every field in ["minAvailable", "maxUnavailable"] { object.get(pdb, field, null) == null }
	majority := floor(object.get(pods.resource(p).object, ["spec", "clusterSize"], p.replicas) / 2) + 1
	majority >= p.replicas
}

# The sentinels of a RedisReplication have none.
budget_of(p) := object.get({"leader": ["spec", "redisLeader", "pdb"], "follower": ["spec", "redisFollower", "pdb"]}, p.part, ["spec", "pdb"]) if {
	[pods.resource(p).kind, p.part] != ["RedisReplication", "sentinel"]
}

deny contains {
	"message": sprintf("the operator makes a PodDisruptionBudget for the %s pods of \"%s\" too, and Kubernetes evicts no pod with two; remove this one", [p.part, r.name]),
	"resource": b.id,
	"path": ["spec", "selector"],
	"related": [{"resource": r.id, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	some b in budgets
	p := selections[[b.namespace, b.object.spec.selector]].doubled[0]
	r := pods.resource(p)
}

budgets := [b | some b in data.repo.resources; b.kind == "PodDisruptionBudget"]

# What each selector of budgets finds: many budgets may have the same one.
selections := {k: selection(k[0], k[1]) | some k in {[b.namespace, b.object.spec.selector] | some b in budgets}}

selection(namespace, selector) := {
	"first": found[0],
	"total": total(found),
	"shared": shared(namespace, selector, {p.labels | some p in found}),
	"doubled": [p | some p in found; doubled(p)],
} if {
	found := pods.selected(namespace, selector)
	count(found) > 0
}

# total is 0 where the number of pods is not known.
total(found) := sum([p.replicas | some p in found]) if {
	every p in found { is_number(p.replicas) }
} else := 0

# The budget may be for the pods of other workloads, too.
shared(namespace, selector, own) if {
	some template in selectors.pods(namespace, selector)
	labels.selects(selector, template)
	not template in own
} else := false

# The operator makes a budget for these pods.
doubled(p) if {
	p.operator != "alauda"
	r := pods.resource(p)
	r.kind == "RedisFailover"
	redisfailover.has_budget(r.object, p.part)
}

# blocking is the field that permits no eviction. Of OpsTree's two, maxUnavailable counts.
blocking(spec, _) := "maxUnavailable" if spec.maxUnavailable in {0, "0", "0%"}

blocking(spec, total) := "minAvailable" if {
	object.get(spec, "maxUnavailable", null) == null
	quantity.pods(spec.minAvailable, total) >= total
}

whom(1, part) := sprintf("the only %spod", [part])

whom(total, part) := sprintf("any of the %d %spods", [total, part]) if total > 1

remedy(1) := "run 2, or remove it"

remedy(total) := "set maxUnavailable to 1" if total > 1
