# METADATA
# title: minDomains leaves pods without a zone
# description: |-
#   While fewer zones than minDomains can run the pods, the scheduler counts the emptiest zone as 0 and accepts at most
#   maxSkew pods in each zone. Further pods stay Pending, also when a zone has room. Most regions have three zones; where
#   a node selector, a node affinity or the node pools of the repository list the zones, those count.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.2.0
#   remediation: |-
#     Set minDomains to the number of zones that the nodes are in, or remove it: maxSkew 1 with DoNotSchedule already
#     spreads pods over all zones.
#   references:
#     - Kubernetes, Pod Topology Spread Constraints, "Spread constraint definition"
#     - kubernetes/kubernetes v1.36.3 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go, minMatchNum
package redisgitops.ha["min-domains"]

import data.redisgitops.lib.pods
import data.redisgitops.lib.zones

deny contains object.union(grave(limit), {
	"message": sprintf("minDomains is %d, and %s: %s; set minDomains to %d or remove it", [term.object.minDomains, limit.words, effect(p, others, room), limit.count]),
	"resource": p.resource,
	"path": array.concat(term.path, ["minDomains"]),
}) if {
	some [i, p] in pods.placed
	p.replicas > 0
	some term in pods.items(p, [path | path := p.at.topologySpreadConstraints])
	term.object.whenUnsatisfiable == "DoNotSchedule"
	pods.selects(p, term.object, p.labels)
	limit := zones.available(p, term.object.topologyKey)
	term.object.minDomains > limit.count
	room := limit.count * term.object.maxSkew
	others := [q |
		some j in pods.beside[p.resource]
		j != i
		q := data.repo.pods[j]
		pods.selects(p, term.object, q.labels)
	]
	total(p, others) + surge(p, term.object) > room
}

# Where the resource itself lists the zones, the pods stay Pending for sure.
grave(limit) := {"severity": "error"} if limit.sure

else := {}

total(p, others) := p.replicas + sum([q.replicas | some q in others])

# surge: matchLabelKeys counts the pods of each revision by themselves.
surge(p, constraint) := 0 if "pod-template-hash" in constraint.matchLabelKeys

else := zones.surge(p)

effect(p, others, room) := sprintf("%d of %d %s pods stay Pending", [all - room, all, concat(" and ", [q.part | some q in array.concat([p], others)])]) if {
	all := total(p, others)
	all > room
} else := sprintf("the new pod of a rollout of %d %s pods stays Pending", [p.replicas, p.part])
