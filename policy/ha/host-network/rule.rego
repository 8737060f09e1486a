# METADATA
# title: Redis on the network of its node
# description: |-
#   With hostNetwork every Redis takes port 6379 of its node and every sentinel 26379: a second RedisFailover finds no
#   free port there. The probes ask the host's name, which several pods share, and whoever reaches the node reaches
#   Redis.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: removes hostNetwork
#   remediation: Remove hostNetwork; clients outside of the cluster come through a Service.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisStatefulSet
package redisgitops.ha["host-network"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("hostNetwork gives each node's port %d to one RedisFailover; remove it", [port]),
	"path": ["spec", part, "hostNetwork"],
	"fix": {"path": ["spec", part, "hostNetwork"], "op": "remove"},
} if {
	some part, port in {"redis": redisfailover.port(input), "sentinel": 26379}
	input.spec[part].hostNetwork == true
}
