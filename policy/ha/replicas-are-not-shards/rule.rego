# METADATA
# title: Six or more replicas of the same data
# description: |-
#   Every pod of a RedisFailover holds all data: six replicas are one master and five full copies, not three masters
#   with a replica each. The operator does not support Redis Cluster. Each copy costs memory, and each full
#   resynchronization costs the master a fork and network bandwidth.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   remediation: Run 3 replicas, and increase the memory as the data grows; Redis Cluster needs another operator.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go
package redisgitops.ha["replicas-are-not-shards"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%d replicas are %d copies of the same data, not shards; run 3 with enough memory each", [n, n]),
	"path": ["spec", "redis", "replicas"],
} if {
	n := redisfailover.replicas(input, "redis")
	n >= 6
}
