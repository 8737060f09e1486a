# METADATA
# title: Wrong Sentinel master name
# description: |-
#   Sentinels only answer for the master names they monitor: mymaster with the operators of RedisFailovers, and
#   NAMESPACE/NAME with KubeDB. For any other name, the client reports that there is no master. In the path of a URL,
#   the / of such a name is written %2F: otherwise clients read what follows it as the database.
# custom:
#   scope: repository
#   fix: sets the name that the sentinels monitor
#   since: 0.1.0
#   remediation: Use the name in the message.
#   references:
#     - spotahome/redis-operator 632aa3da service/redis/client.go:58, masterName
#     - https://github.com/kubedb/docs/blob/dd66a58b/docs/guides/redis/sentinel/redis-sentinel.md?plain=1#L337
package redisgitops.url["wrong-master-name"]

import data.redisgitops.lib.group
import data.redisgitops.lib.services
import data.redisgitops.lib.url
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("the sentinels \"%s\" monitor the master \"%s\", not \"%s\"; use %s", [host.service, redis.masterName, reference.master, redis.masterName]),
	"resource": reference.resource,
	"path": reference.path,
	"fix": url.replaced(reference, renamed(reference, redis.masterName)),
} if {
	some reference in url.references
	url.sentinel(reference)
	reference.master != ""
	some host in reference.hosts
	some i in sentinels(host)
	redis := data.repo.redis[i]
	not redis.masterName in {"", reference.master}
}

deny contains {
	"message": sprintf("the sentinels of \"%s\" monitor the master \"%s\", not \"%s\"; use %s", [redis.name, redis.masterName, e.value, redis.masterName]),
	"resource": e.container.resource,
	"path": array.concat(e.container.path, ["env", e.index, "value"]),
	"fix": {
		"path": array.concat(e.container.path, ["env", e.index, "value"]), "op": "set", "value": redis.masterName,
		"suggested": "that the variable holds the master name is a guess from its own name",
	},
} if {
	some e in workloads.environment
	regex.match(`(?i)SENTINEL.*(MASTER|SERVICE)(_?(NAME|SET|GROUP|ID))?$|MASTER_(NAME|SET|GROUP)$`, e.name)
	regex.match(`^[A-Za-z][A-Za-z0-9_.-]*$`, e.value)
	asked := asks[[e.container.resource, e.container.path]]
	count(asked) == 1
	some i in asked
	redis := data.repo.redis[i]
	not redis.masterName in {"", e.value}
}

# renamed is the URL with another master behind the hosts: in the path, in the query or in the fragment.
renamed(reference, name) := concat("", [hosts, replace(rest, change[0], change[1])]) if {
	[hosts] := regex.find_n(`^[a-z+-]+://[^/?#]*`, reference.url, 1)
	rest := trim_prefix(reference.url, hosts)
	change := [c | some c in changes(reference.master, name); contains(rest, c[0])][0]
}

# changes are the texts that may be the master in a URL, and what to write instead. The master of KubeDB is NAMESPACE/NAME; in a
# path, its / is escaped.
changes(old, name) := array.concat(
	[[concat("", ["/", name]), concat("", ["/", escaped(name)])] | contains(name, "/")],
	[[concat("", [mark, text]), concat("", [mark, new])] |
		some [mark, text, new] in [
			["/", old, escaped(name)], ["/", escaped(old), escaped(name)], ["/", lower(escaped(old)), escaped(name)],
			["=", old, name], ["#", old, name],
		]
	],
)

escaped(name) := replace(name, "/", "%2F")

sentinels(host) := {e.redis |
	some e in services.behind(host.service, host.namespace)
	e.role == "sentinels"
}

# asks are the Redis whose sentinels a container asks.
asks := {key: value | some key, value in each_asks}

each_asks := group.by([[[reference.resource, reference.container], i] |
	some reference in url.references
	some host in reference.hosts
	some i in sentinels(host)
])
