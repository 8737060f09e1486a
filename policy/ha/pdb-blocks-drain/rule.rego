# METADATA
# title: Disruption budget blocks node drains
# description: |-
#   The operator creates a PodDisruptionBudget of at least one available pod for every RedisFailover. A single pod
#   can therefore never be evicted: draining its node, for an upgrade for example, blocks until the pod is deleted
#   manually. Operators after 1.2.4 have disablePodDisruptionBudget, which does not delete an existing budget. The
#   budget in the values of a chart blocks as well if it requires all pods. For OpsTree, see ha/budget-permits-none.
# custom:
#   severity: warning
#   kinds: [Chart, RedisFailover]
#   fix: 'suggested: sets disablePodDisruptionBudget if the operator supports it'
#   remediation: |-
#     Set maxUnavailable to 1 in the values of a chart. Otherwise, run 2 replicas, or with an operator after 1.2.4 set
#     disablePodDisruptionBudget and delete the budget once.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/628
#     - https://github.com/spotahome/redis-operator/issues/653
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, ensurePodDisruptionBudget
#     - bitnami/charts 5914af57 bitnami/redis/templates/master/pdb.yaml
#     - DandyDeveloper/charts 48a9b0ab charts/redis-ha/templates/redis-ha-pdb.yaml
package redisgitops.ha["pdb-blocks-drain"]

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the PodDisruptionBudget requires %v of %d pods, so draining their nodes never completes; set maxUnavailable to 1 instead", [least, n]),
	"path": array.concat(budget, ["minAvailable"]),
} if {
	budget := redis.server.budget
	least := redis.value(array.concat(budget, ["minAvailable"]))
	redis.value(array.concat(budget, ["maxUnavailable"])) in {null, ""}
	n := redis.replicas(redis.server)
	quantity.pods(least, n) >= n
}

deny contains object.union(violation, fix(part)) if {
	input.kind == "RedisFailover"
	some part in redisfailover.parts
	redisfailover.replicas(input, part) == 1
	redisfailover.budget(input) == 1
	redisfailover.has_budget(input, part)
	runs(part)
	violation := {
		"message": sprintf("the operator's PodDisruptionBudget requires 1 of 1 %s, so draining its node never completes; %s", [part, advice]),
		"path": ["spec", part, "replicas"],
	}
}

runs("redis")

# Once the drain is stuck at the only Redis, that at the only sentinel adds nothing.
runs("sentinel") if {
	redisfailover.sentinels(input)
	redisfailover.replicas(input, "redis") > 1
}

runs("sentinel") if {
	redisfailover.sentinels(input)
	not redisfailover.has_budget(input, "redis")
}

can_disable if object.get(data.settings, ["operator", "version"], "1.2.4") != "1.2.4"

advice := "run 2, or set disablePodDisruptionBudget" if can_disable

else := "run 2"

fix(part) := {"fix": {"path": ["spec", part, "disablePodDisruptionBudget"], "op": "add", "value": true, "suggested": "a drain then stops the only instance"}} if can_disable

else := {}
