# METADATA
# title: An address of sentinels has the scheme of Redis
# description: |-
#   A client that takes redis:// speaks to the sentinel as to a Redis: GET and SET answer ERR unknown command. Clients
#   that ask sentinels want redis-sentinel:// or a list of hosts.
# custom:
#   severity: warning
#   scope: repository
#   fix: writes redis-sentinel:// and the master name
#   since: 0.1.0
#   remediation: |-
#     Write redis-sentinel://rfs-<name>.<namespace>.svc:26379/mymaster, if the client takes it, or the Service of
#     the master.
#   references:
#     - Redis sentinel.c sentinelcmds
package redisgitops.url["sentinel-as-redis"]

import data.redisgitops.lib.url

deny contains object.union(
	{
		"message": sprintf("\"%s\" is a sentinel and no Redis; write %s", [host.text, advice]),
		"resource": reference.resource,
		"path": reference.path,
	},
	fix,
) if {
	some reference in url.references
	reference.scheme in {"redis", "rediss", "valkey", "valkeys"}
	some host in reference.hosts
	sentinel(host)
	[advice, fix] := rewrite(reference, host)
}

sentinel(host) if host.port == 26379

sentinel(host) if {
	startswith(host.service, "rfs-")
	host.port in {0, 26379}
}

rewrite(reference, host) := [new, {"fix": url.replaced(reference, reference.url, new)}] if {
	reference.scheme == "redis"
	reference.user == ""
	reference.url == sprintf("redis://%s", [host.text])
	masters := {data.repo.redis[i].masterName | some i in url.redises(host)}
	count(masters) == 1
	some master in masters
	new := sprintf("redis-sentinel://%s/%s", [host.text, master])
} else := ["redis-sentinel://, or the port of Redis", {}]
