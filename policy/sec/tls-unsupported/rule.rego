# METADATA
# title: TLS is not supported by this operator
# description: |-
#   The operator, its sentinels and its probes connect to Redis without TLS, and this cannot be configured. A client
#   with rediss:// fails in the handshake, and replication or a cluster bus over TLS disconnects the sentinels.
# custom:
#   severity: error
#   scope: repository
#   fix: 'suggested: replaces rediss:// by redis://'
#   remediation: |-
#     Use redis://, and encrypt traffic between the nodes: with a service mesh for the clients, or WireGuard in the
#     network plugin.
#   since: 0.1.0
#   references:
#     - https://github.com/cozystack/cozystack/issues/2157
#     - spotahome/redis-operator v1.2.4 service/redis/client.go
package redisgitops.sec["tls-unsupported"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.url
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("\"%s://\" requires TLS, which \"%s\" does not support; use redis", [u.scheme, u.hosts[0].service]),
	"resource": u.resource,
	"path": u.path,
	"fix": object.union(
		url.replaced(u, concat("", [replace(u.scheme, "rediss", "redis"), trim_prefix(u.url, u.scheme)])),
		{"suggested": "a TLS proxy in front of Redis would be bypassed"},
	),
} if {
	some u in url.references
	startswith(u.scheme, "rediss")
	some host in u.hosts
	some i in url.redises(host)
	r := data.repo.redis[i]
	r.kind == "RedisFailover"
	not offers_tls(data.repo.resources[r.resource].object)
}

deny contains {
	"message": sprintf("\"%s\" requires TLS, which the operator and the sentinels do not support; remove it", [d.key]),
	"resource": r.id,
	"path": ["spec", "redis", "customConfig", i],
} if {
	some r in redisfailover.all
	some i, text in workloads.custom(r.object)
	contains(lower(text), "tls-")
	some d in redisfailover.directives([text])
	d.key in {"tls-cluster", "tls-replication"}
	d.value == "yes"
}

# Beside its own port Redis can have one with TLS, by options of one's own.
offers_tls(object) if {
	some word in array.concat(strings(object, "command"), strings(object, "customConfig"))
	contains(word, "tls-port")
}

strings(object, key) := [word | some word in object.spec.redis[key]; is_string(word)]
