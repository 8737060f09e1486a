# METADATA
# title: NetworkPolicy blocks the operator or the sentinels
# description: |-
#   The operator connects to every Redis and every sentinel, sentinels to Redis and to each other, replicas to the
#   master, and a stopping pod to the sentinels. A policy that only admits clients blocks all of them: no failover,
#   no repair. If no policy selects a Redis, strict mode reports that every pod in the cluster can reach it,
#   including the sentinels of another Redis.
# custom:
#   severity: error
#   strict: warning
#   scope: repository
#   once: repository
#   remediation: |-
#     Admit the pods of the RedisFailover and the namespace of the operator, like `redis-gitops generate resource
#     --set networkPolicy=NAMESPACE` does.
#   since: 0.1.0
#   references:
#     - powerhome/redis-operator 09099be5 operator/redisfailover/ensurer.go:22, NetworkPolicyNsList
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/checker.go, CheckAndHeal
package redisgitops.sec["network-policy"]

import data.redisgitops.lib.network
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.words

deny contains {
	"message": sprintf("this policy blocks %s from the %s of \"%s\" on port %d; allow it in ingress", [words.phrase(blocked), part, r.name, port]),
	"severity": "error",
	"resource": own[0].id,
	"path": ["spec", "ingress"],
	"absent": {"namespace": r.namespace},
	"related": [{"resource": r.id, "path": ["metadata", "name"], "message": "the RedisFailover"}],
} if {
	count(network.policies) > 0
	some r in redisfailover.all
	some part, port in {"redis": redisfailover.port(r.object), "sentinel": 26379}
	part in present(r.object)
	not network.crowded(r)
	own := network.selecting(r, part)
	count(own) > 0
	blocked := array.concat(
		[who | some [from, who] in [["redis", "its Redis pods"], ["sentinel", "its sentinels"]]; from in present(r.object); not admitted(own, redisfailover.pod_labels(r.object, from), port)],
		["the operator" | not operator_admitted(own, port)],
	)
	count(blocked) > 0
}

deny contains {
	"message": "no NetworkPolicy restricts access to this Redis; add one that allows its clients, its pods and the operator",
	"severity": "warning",
	"strict": true,
	"resource": r.id,
	"path": ["kind"],
	"absent": {"namespace": r.namespace},
} if {
	some r in redisfailover.all
	count(network.selecting(r, "redis")) == 0
}

present(rf) := {"redis", "sentinel"} if redisfailover.sentinels(rf)

else := {"redis"}

admitted(own, pod, port) if {
	some p in own
	network.admits(p, pod, port)
}

operator_admitted(own, port) if {
	some p in own
	network.admits_namespace(p, data.settings.operator.namespace, {"app.kubernetes.io/name": "redis-operator"}, port)
}
