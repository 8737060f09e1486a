# The memory of the Redis of a RedisFailover, the input of resource rules.
package redisgitops.lib.memory

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover

# limit and request of a copy, in bytes.
limit := quantity.bytes(input.spec.redis.resources.limits.memory)

request := quantity.bytes(input.spec.redis.resources.requests.memory)

configured := [d | some d in redisfailover.redis; d.key == "maxmemory"]

# maxmemory is the setting that counts: {"bytes", "text", "path"}. The operator applies customConfig after the start, so it
# comes before the command; 0 is no maximum.
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

# unlimited says that nothing sets maxmemory, as far as one can see: a script may.
unlimited if {
	every d in configured { quantity.redis_bytes(d.value) == 0 }
	not in_command
}

in_command if {
	some word in input.spec.redis.command
	is_string(word)
	contains(word, "maxmemory")
}

# room is the maxmemory that every rule about memory is content with, in bytes: three quarters of the limit, for forks and buffers
# come on top, and no more than the request.
room := min({limit * 0.75, request}) if {
	request > 0
} else := limit * 0.75

# by_request says that the request and not the limit decides about the room.
by_request if request < limit * 0.75

by_request if not limit

# most is the room as Redis takes it.
most := quantity.redis_mb(room)

# advice is what to write, and what Redis does then.
advice(verb) := sprintf("%s%s, above which Redis %s", [verb, bound, when_full])

bound := sprintf(", the maximum for the request \"%v\"", [input.spec.redis.resources.requests.memory]) if by_request
else := ""

when_full := "rejects writes (noeviction)" if policy == "noeviction"
else := sprintf("evicts keys (%s)", [policy])

policy := lower(set[count(set) - 1].value) if {
	set := [d | some d in redisfailover.redis; d.key == "maxmemory-policy"]
	count(set) > 0
} else := "noeviction"

# A lower bound than the limit gives may be far below what Redis holds already.
risk := {"suggested": sprintf("Redis may already use more than %s; raising the request keeps the data", [most])} if by_request
else := {}

# lower_fix sets maxmemory to the room, where it stands in customConfig.
lower_fix := object.union({"path": maxmemory.path, "op": "set", "value": sprintf("maxmemory %s", [most])}, risk) if {
	maxmemory.path[2] == "customConfig"
} else := object.union({"path": maxmemory.path, "op": "set", "value": most}, risk)

# add_fix adds maxmemory where none is.
add_fix := object.union({"path": ["spec", "redis", "customConfig", "-"], "op": "add", "value": addition}, risk) if {
	count(input.spec.redis.customConfig) > 0
} else := object.union({"path": ["spec", "redis", "customConfig"], "op": "add", "value": [addition]}, risk)

addition := sprintf("maxmemory %s", [most])
