# METADATA
# title: Fewer than three sentinels cannot elect a master
# description: |-
#   A failover needs the votes of a majority of the sentinels, and the sentinel.conf written by the Spotahome operator
#   requires a quorum of two, as charts do by default. With one or two sentinels, none may fail; an even number tolerates
#   no more failures than one sentinel less.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis]
#   fix: sets the next odd number, at least 3
#   remediation: Run 3 or 5 sentinels.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, sentinelConfigTemplate and getQuorum
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:127-150
#     - bitnami/charts 5165628a bitnami/redis/values.yaml, sentinel.quorum
package redisgitops.ha["sentinels-below-three"]

import data.redisgitops.lib.opstree
import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s; run %d", [effect(n), better(n)]),
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

effect(1) := "a single sentinel tolerates no loss"

effect(n) := sprintf("%d sentinels tolerate the loss of %d", [n, ceil(n / 2) - 1]) if n > 1

better(n) := 3 if n < 3

else := n + 1 if n % 2 == 0

else := n

deny contains {
	"message": sprintf("%s; run 3", [effect(n)]),
	"path": part.replicas,
	"fix": {"path": part.replicas, "op": "set", "value": 3},
} if {
	input.kind != "RedisFailover"
	some part in redis.parts
	part.part == "sentinel"
	n := redis.replicas(part)
	n == few
	redis.replicas(redis.server) > 1
}

# ops/sentinel-even is about two. In charts a pod has a sentinel beside its Redis, so that one sentinel has one Redis.
few := 1 if {
	opstree.owns(input)
} else := 2
