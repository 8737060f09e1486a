# METADATA
# title: hostNetwork limits Redis to one instance per node
# description: |-
#   With hostNetwork, Redis uses port 6379 of its node and a sentinel 26379, so a second RedisFailover finds the
#   ports in use. The probes query the host name, which several pods share, and everyone who can reach the node can
#   reach Redis.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: 'suggested: removes hostNetwork'
#   remediation: Remove hostNetwork; expose Redis to clients outside of the cluster with a Service.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisStatefulSet
package redisgitops.ha["host-network"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("hostNetwork limits port %d of each node to one RedisFailover; remove it", [port]),
	"path": ["spec", part, "hostNetwork"],
	"fix": {"path": ["spec", part, "hostNetwork"], "op": "remove", "suggested": suggested(part)},
} if {
	some part, port in {"redis": redisfailover.port(input), "sentinel": 26379}
	input.spec[part].hostNetwork == true
}

# A policy that is made for the host's network stays behind, and is not what pods of the cluster's network want.
suggested(part) := sprintf("clients that use node addresses lose access, and dnsPolicy %s remains", [input.spec[part].dnsPolicy]) if {
	is_string(input.spec[part].dnsPolicy)
} else := "clients that use node addresses lose access"
