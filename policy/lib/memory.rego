# The memory of the RedisFailover in the input of a resource rule.
package redisgitops.lib.memory

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover

# The memory limit of each Redis pod, in bytes.
limit := quantity.bytes(input.spec.redis.resources.limits.memory)

request := quantity.bytes(input.spec.redis.resources.requests.memory)

configured := [d | some d in redisfailover.redis; d.key == "maxmemory"]

# The effective maxmemory: {"bytes", "text", "path"}. The operator applies customConfig after startup, so it overrides the
# command line; 0 means no limit.
maxmemory := m if {
	count(configured) > 0
	d := configured[count(configured) - 1]
	m := {"bytes": quantity.redis_bytes(d.value), "text": d.value, "path": ["spec", "redis", "customConfig", d.index]}
	m.bytes > 0
}

maxmemory := m if {
	count(configured) == 0
	some i, word in input.spec.redis.command
	word == "--maxmemory"
	text := input.spec.redis.command[i + 1]
	m := {"bytes": quantity.redis_bytes(text), "text": text, "path": ["spec", "redis", "command", i + 1]}
	m.bytes > 0
}

# Nothing visible sets maxmemory; a script still may.
unlimited if {
	every d in configured { quantity.redis_bytes(d.value) == 0 }
	not in_command
}

in_command if {
	some word in input.spec.redis.command
	is_string(word)
	contains(word, "maxmemory")
}

# The maxmemory that satisfies all memory rules, in bytes: three quarters of the limit, because forks and buffers come on top,
# and at most the request.
room := min({limit * 0.75, request}) if {
	request > 0
} else := limit * 0.75

# The request, not the limit, determines room.
by_request if request < limit * 0.75

by_request if not limit

# room in the notation of Redis.
most := quantity.redis_mb(room)

# What to set, and how Redis then behaves.
advice(verb) := sprintf("%s%s, above which Redis %s", [verb, bound, when_full])

bound := sprintf(", the maximum for the request \"%v\"", [input.spec.redis.resources.requests.memory]) if by_request
else := ""

when_full := "rejects writes (noeviction)" if policy == "noeviction"
else := sprintf("evicts keys (%s)", [policy])

policy := lower(set[count(set) - 1].value) if {
	set := [d | some d in redisfailover.redis; d.key == "maxmemory-policy"]
	count(set) > 0
} else := "noeviction"

# A value below the one for the limit may be far below what Redis already uses.
risk := {"suggested": sprintf("Redis may already use more than %s; raising the request keeps the data", [most])} if by_request
else := {}

# Sets maxmemory in customConfig to room.
lower_fix := object.union({"path": maxmemory.path, "op": "set", "value": sprintf("maxmemory %s", [most])}, risk) if {
	maxmemory.path[2] == "customConfig"
} else := object.union({"path": maxmemory.path, "op": "set", "value": most}, risk)

# Adds maxmemory if it is missing.
add_fix := object.union({"path": ["spec", "redis", "customConfig", "-"], "op": "add", "value": addition}, risk) if {
	count(input.spec.redis.customConfig) > 0
} else := object.union({"path": ["spec", "redis", "customConfig"], "op": "add", "value": [addition]}, risk)

addition := sprintf("maxmemory %s", [most])
