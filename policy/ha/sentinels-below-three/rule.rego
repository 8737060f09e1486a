# METADATA
# title: Fewer than three sentinels cannot elect a master
# description: |-
#   A failover needs the votes of a majority of the sentinels, and the sentinel.conf written by the operator requires
#   a quorum of two. With one or two sentinels, none may fail; an even number tolerates no more failures than one
#   sentinel less.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: sets the next odd number, at least 3
#   remediation: Run 3 or 5 sentinels.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, sentinelConfigTemplate and getQuorum
package redisgitops.ha["sentinels-below-three"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%d sentinels tolerate the loss of %d; run %d", [n, ceil(n / 2) - 1, better(n)]),
	"path": ["spec", "sentinel", "replicas"],
	"fix": {"path": ["spec", "sentinel", "replicas"], "op": "set", "value": better(n)},
} if {
	n := input.spec.sentinel.replicas
	n > 0
	n != better(n)
	redisfailover.sentinels(input)
	redisfailover.replicas(input, "redis") > 1 # one Redis has nothing to fail over to
	not redisfailover.sentinel_budget_blocks(input) # which has a rule of its own
}

better(n) := 3 if n < 3

else := n + 1 if n % 2 == 0

else := n
