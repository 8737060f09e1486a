# METADATA
# title: Sentinels of different Redis instances can merge
# description: |-
#   All sentinels of this operator name their master mymaster and discover each other through it. When the IP address
#   of a pod is reused by a pod of another RedisFailover with the same port and no password, or the same one, the
#   sentinels of both merge, and the replicas of one overwrite their data with that of the other: whole data sets
#   have been lost this way. Nearly every repository with two RedisFailovers is affected, so it is reported in strict
#   mode only.
# custom:
#   severity: "off"
#   strict: error
#   scope: repository
#   once: repository
#   remediation: Give each RedisFailover its own password, or a NetworkPolicy that blocks the pods of others.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/550
#     - https://github.com/spotahome/redis-operator/issues/297
#     - https://github.com/spotahome/redis-operator/issues/698
#     - https://github.com/freshworks-oss/redis-operator/issues/6
package redisgitops.ha["clusters-can-join"]

import data.redisgitops.lib.network
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("its sentinels can merge with those of %d other RedisFailovers: same port, %s; use a different password for each", [count(names), words(r)]),
	"resource": r.id,
	"path": ["spec", "auth", "secretPath"],
	"related": [{"resource": id, "path": ["spec", "auth", "secretPath"], "message": sprintf("also \"%s\"", [name[1]])} |
		some name in array.slice(sort(names), 0, 10)
		id := min({m.id | some m in members; [m.namespace, m.name] == name})
	],
} if {
	some members in groups
	r := members[0] # which reports all
	names := {[m.namespace, m.name] | some m in members} - {[r.namespace, r.name]} # one in two clusters is not two
	count(names) > 0
}

# open ones have the common name of the master, and let the pods of others in: {"redis", "group"}.
open := [{"redis": r, "group": sprintf("%d %s", [redisfailover.port(r.object), password(r)])} |
	some r in redisfailover.all
	redisfailover.sentinels(r.object)
	object.get(r.object, ["spec", "sentinel", "disableMyMaster"], false) != true
	count(network.selecting(r, "redis")) == 0
]

# password reports which: none, or that of a Secret.
password(r) := sprintf("%s/%s", [r.namespace, redisfailover.secret(r.object)]) if redisfailover.secret(r.object) != ""

else := ""

groups := {group: members |
	some group in {o.group | some o in open}
	members := [o.redis | some o in open; o.group == group]
}

words(r) := "no password" if redisfailover.secret(r.object) == ""

else := "same password"
