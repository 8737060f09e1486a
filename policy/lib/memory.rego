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

# lower_fix sets maxmemory to three quarters of the limit, where it stands in customConfig.
lower_fix := {"path": maxmemory.path, "op": "set", "value": sprintf("maxmemory %s", [quantity.redis_mb(limit * 0.75)])} if {
	maxmemory.path[2] == "customConfig"
} else := {"path": maxmemory.path, "op": "set", "value": quantity.redis_mb(limit * 0.75)}

# add_fix adds maxmemory where none is.
add_fix := {"path": ["spec", "redis", "customConfig", "-"], "op": "add", "value": addition} if {
	count(input.spec.redis.customConfig) > 0
} else := {"path": ["spec", "redis", "customConfig"], "op": "add", "value": [addition]}

addition := sprintf("maxmemory %s", [quantity.redis_mb(limit * 0.75)])
