# METADATA
# title: Sentinel disruption budget uses the number of Redis pods
# description: |-
#   The operator computes the disruption budget of the sentinels from the number of Redis pods: with three or more,
#   two sentinels must stay available. With one or two sentinels this forbids every eviction, so draining a node that
#   runs a sentinel never completes.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: sets 3 sentinels
#   remediation: Run 3 sentinels, or at most 2 Redis pods.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, ensurePodDisruptionBudget
package redisgitops.ha["pdb-uses-redis-count"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("with %d Redis replicas the PodDisruptionBudget requires 2 sentinels, and there are %d, so no node with a sentinel can be drained; run 3 sentinels", [redisfailover.replicas(input, "redis"), n]),
	"path": ["spec", "sentinel", "replicas"],
	"fix": {"path": ["spec", "sentinel", "replicas"], "op": "set", "value": 3},
} if {
	redisfailover.sentinel_budget_blocks(input)
	n := redisfailover.replicas(input, "sentinel")
}
