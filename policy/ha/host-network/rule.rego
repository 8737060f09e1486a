# METADATA
# title: hostNetwork limits Redis to one instance per node
# description: |-
#   With hostNetwork, Redis uses port 6379 of its node and a sentinel 26379, so a second instance finds the ports in
#   use. The probes of Spotahome's operator query the host name, which several pods share, and everyone who can reach
#   the node can reach Redis.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis]
#   fix: 'suggested: removes hostNetwork'
#   remediation: Remove hostNetwork; expose Redis to clients outside of the cluster with a Service.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisStatefulSet
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-cluster.go:63
package redisgitops.ha["host-network"]

import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("hostNetwork limits port %d of each node to one RedisFailover; remove it", [port]),
	"path": ["spec", part, "hostNetwork"],
	"fix": {"path": ["spec", part, "hostNetwork"], "op": "remove", "suggested": suggested(input.spec[part])},
} if {
	input.kind == "RedisFailover"
	some part, port in {"redis": redisfailover.port(input), "sentinel": 26379}
	input.spec[part].hostNetwork == true
}

# A RedisCluster of OpsTree, and a workload that runs Redis.
deny contains {
	"message": "hostNetwork limits the port of Redis to one instance per node; remove it",
	"path": array.concat(at, ["hostNetwork"]),
	"fix": {"path": array.concat(at, ["hostNetwork"]), "op": "remove", "suggested": suggested(spec)},
} if {
	redis.server
	at := object.get({"RedisCluster": ["spec"], "Deployment": ["spec", "template", "spec"], "StatefulSet": ["spec", "template", "spec"]}, input.kind, [])
	count(at) > 0
	spec := object.get(input, at, {})
	spec.hostNetwork == true
}

# A policy that is made for the host's network stays behind, and is not what pods of the cluster's network want.
suggested(spec) := sprintf("clients that use node addresses lose access, and dnsPolicy %s remains", [spec.dnsPolicy]) if {
	is_string(spec.dnsPolicy)
} else := "clients that use node addresses lose access"
