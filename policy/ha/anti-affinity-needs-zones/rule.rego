# METADATA
# title: Required anti-affinity leaves pods without a zone
# description: |-
#   A required anti-affinity on the zone allows one pod in each zone. Further pods stay Pending, and a pod whose zone is
#   down is not scheduled elsewhere. The Deployment of the sentinels also starts a new pod before it removes an old one,
#   so its rollout stops when every zone has a sentinel. Most regions have three zones; where a node selector, a node
#   affinity or the node pools of the repository list the zones, those count.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Use preferredDuringSchedulingIgnoredDuringExecution, or topologySpreadConstraints with maxSkew 1, and keep a required
#     anti-affinity for kubernetes.io/hostname.
#   references:
#     - Kubernetes, Assigning Pods to Nodes, "Inter-pod affinity and anti-affinity"
#     - kubernetes/kubernetes v1.36.3 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go, satisfyPodAntiAffinity and satisfyExistingPodsAntiAffinity
#     - kubernetes/kubernetes v1.36.3 pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateSentinelDeployment (no strategy)
package redisgitops.ha["anti-affinity-needs-zones"]

import data.redisgitops.lib.pods
import data.redisgitops.lib.zones

deny contains object.union(grave(f), {
	"message": sprintf("%s need %d %ss by the required anti-affinity on %q or stay Pending, and %s; use preferred anti-affinity or topologySpreadConstraints", [f.who, f.needed, f.what, f.key, f.has]),
	"resource": f.resource,
	"path": array.concat(f.path, ["topologyKey"]),
}) if {
	some f in found
}

# Where the resource itself lists the zones, the pods stay Pending for sure.
grave(f) := {"severity": "error"} if f.sure

else := {}

found := [f |
	some [i, p] in pods.placed
	some term in pods.required(p)
	key := term.object.topologyKey
	pods.selects(p, term.object, p.labels)
	others := [q |
		some j in pods.beside[p.resource]
		j != i
		q := data.repo.pods[j]
		pods.selects(p, term.object, q.labels)
	]
	not told_before(i, p, key)
	needed := (p.replicas + sum([alone(q, key) | some q in others])) + zones.surge(p)
	limit := zones.available(p, key)
	needed > limit.count
	p.replicas > 0
	f := {
		"resource": p.resource, "path": term.path, "key": key, "needed": needed, "what": zones.words[key], "sure": limit.sure,
		"who": who(p, others, zones.surge(p)), "has": limit.words,
	}
]

# told_before: the anti-affinity of other pods of the resource selects these, and has counted them.
told_before(i, p, key) if {
	some j in pods.beside[p.resource]
	j < i
	q := data.repo.pods[j]
	some term in pods.required(q)
	term.object.topologyKey == key
	pods.selects(q, term.object, q.labels)
	pods.selects(q, term.object, p.labels)
}

# alone is how many zones other pods need of their own: one each with such an anti-affinity, else one for all.
alone(q, key) := q.replicas if {
	some term in pods.required(q)
	term.object.topologyKey == key
	pods.selects(q, term.object, q.labels)
} else := 1 if {
	q.replicas > 0
} else := 0

who(p, [], 0) := sprintf("%d %s pods", [p.replicas, p.part])

who(p, [], 1) := sprintf("%d %s pods and one more during a rollout", [p.replicas, p.part])

who(p, others, _) := sprintf("%d %s pods and the %s pods", [p.replicas, p.part, concat(" and ", [q.part | some q in others])]) if count(others) > 0
