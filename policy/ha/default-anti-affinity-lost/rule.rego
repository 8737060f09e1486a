# METADATA
# title: All replicas can be scheduled on one node
# description: |-
#   Without an affinity, the operator adds one that prefers to spread the pods across nodes. A custom affinity, even
#   one for nodes only, replaces it entirely. The scheduler can then place all Redis pods, or all sentinels, on one
#   node, and losing that node takes down all of them.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: adds the default of the operator
#   remediation: Add podAntiAffinity to the affinity, or topologySpreadConstraints next to it.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getAffinity
package redisgitops.ha["default-anti-affinity-lost"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "this affinity replaces the operator's default, which spreads pods across nodes; add podAntiAffinity",
	"path": ["spec", part, "affinity"],
	"fix": {"path": ["spec", part, "affinity", "podAntiAffinity"], "op": "add", "value": spread(part)},
} if {
	some part in redisfailover.parts
	is_object(input.spec[part].affinity)
	count(object.get(input, ["spec", part, "affinity", "podAntiAffinity"], {})) == 0
	count(object.get(input, ["spec", part, "topologySpreadConstraints"], [])) == 0
	redisfailover.replicas(input, part) > 1
}

spread(part) := {"preferredDuringSchedulingIgnoredDuringExecution": [{
	"weight": 100,
	"podAffinityTerm": {
		"topologyKey": "kubernetes.io/hostname",
		"labelSelector": {"matchLabels": {"app.kubernetes.io/name": input.metadata.name, "app.kubernetes.io/component": part}},
	},
}]}
