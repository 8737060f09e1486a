# METADATA
# title: Anti-affinity matches no pod of this Redis
# description: |-
#   The pods have the labels app.kubernetes.io/name (the name of the RedisFailover), app.kubernetes.io/component
#   (redis or sentinel) and app.kubernetes.io/part-of (redis-failover), and the labels of the RedisFailover that
#   labelWhitelist allows. An anti-affinity or topology spread constraint with another selector, or without one, has
#   no effect: all replicas can be scheduled on one node.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   remediation: Select app.kubernetes.io/name and app.kubernetes.io/component.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, generateSelectorLabels
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/handler.go, getLabels
package redisgitops.ha["anti-affinity-matches-nothing"]

import data.redisgitops.lib.labels
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("no anti-affinity term matches the %s pods; use the labels %s", [part, concat(" and ", wanted(part))]),
	"path": array.concat(terms[0].path, ["labelSelector"]),
} if {
	some part in redisfailover.parts
	terms := anti_affinity(part)
	count(terms) > 0
	every t in terms { not labels.selects(object.get(t.term, "labelSelector", null), redisfailover.pod_labels(input, part)) }
}

deny contains {
	"message": sprintf("the topology spread constraint does not match the %s pods; use the labels %s", [part, concat(" and ", wanted(part))]),
	"path": ["spec", part, "topologySpreadConstraints", i, "labelSelector"],
} if {
	some part in redisfailover.parts
	some i, constraint in input.spec[part].topologySpreadConstraints
	not labels.selects(object.get(constraint, "labelSelector", null), redisfailover.pod_labels(input, part))
}

wanted(part) := [sprintf("\"app.kubernetes.io/name\": \"%s\"", [input.metadata.name]), sprintf("\"app.kubernetes.io/component\": \"%s\"", [part])]

anti_affinity(part) := array.concat(
	[{"term": t, "path": ["spec", part, "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution", i]} |
		some i, t in input.spec[part].affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
	],
	[{"term": t.podAffinityTerm, "path": ["spec", part, "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution", i, "podAffinityTerm"]} |
		some i, t in input.spec[part].affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution
	],
)
