# METADATA
# title: customConfig sets a directive twice
# description: |-
#   The operator applies all entries in order, so the last one wins until the next reconcile briefly applies the
#   first one again. Only identical entries are deduplicated.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   fix: removes the overridden entry
#   since: 0.1.0
#   remediation: Keep one of the entries.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/validate.go:67, deduplicateStr
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
package redisgitops.config.duplicate

import data.redisgitops.lib.directives
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.values

deny contains {
	"message": sprintf("\"%s\" is overridden by \"%s\" below; remove one", [a.text, b.text]),
	"path": ["spec", part, "customConfig", a.index],
	"related": [{"path": ["spec", part, "customConfig", b.index], "message": "this entry applies"}],
	"fix": object.union({"path": ["spec", part, "customConfig", a.index], "op": "remove"}, risk(b)),
} if {
	some part in ["redis", "sentinel"]
	some same in by_key[part]
	some n, a in same
	b := same[n + 1]
	a.words != b.words
}

by_key[part] contains [d | some d in entries; identity(d) == id] if {
	some part in ["redis", "sentinel"]
	entries := redisfailover.directives(input.spec[part].customConfig)
	some id in {identity(d) | some d in entries; not d.key in {"save", "rename-command", "user"}}
}

# client-output-buffer-limit is set for each class of clients.
identity(d) := sprintf("%s %s", [d.key, directives.canonical(lower(d.words[1]))]) if {
	d.key == "client-output-buffer-limit"
} else := directives.canonical(d.key)

# While Redis refuses the later one, the earlier one is in force.
risk(b) := {"suggested": sprintf("Redis rejects \"%s\", so this one applies", [b.text])} if {
	values.kinds[b.key]
	values.refused(b)
} else := {}
