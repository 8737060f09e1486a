# METADATA
# title: Redis has no replica
# description: |-
#   The sentinels watch a single Redis and have nothing to fail over to: while its pod is rescheduled or its node is
#   down, Redis is unavailable. This is acceptable for development and for a cache that may be empty.
# custom:
#   severity: info
#   strict: warning
#   kinds: [redis]
#   remediation: Run 2 or 3 replicas.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/614
#     - https://github.com/spotahome/redis-operator/issues/201
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/checker.go, CheckAndHeal
package redisgitops.ha["single-redis"]

import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": "a single Redis has no replica to fail over to; set replicas to 2 or 3 if downtime matters",
	"path": redis.server.replicas,
} if {
	redis.replicas(redis.server) == 1
	not redisfailover.bootstrapping(input) # which copies another one
}
