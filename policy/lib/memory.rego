# The memory of the Redis in the input of a resource rule.
package redisgitops.lib.memory

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis

given := redis.resources(redis.server)

# The memory limit of each Redis pod as it is written, its path, and in bytes.
limit_text := given.object.limits.memory

limit_path := array.concat(given.path, ["limits", "memory"])

limit := quantity.bytes(limit_text)

request_text := given.object.requests.memory

request_path := array.concat(given.path, ["requests", "memory"])

request := quantity.bytes(request_text)

configured := [d | some d in redis.directives; d.key == "maxmemory"]

# The effective maxmemory: {"bytes", "text", "path", "form"}. The operator applies customConfig after startup, so it overrides the
# command line; 0 means no limit.
maxmemory := m if {
	count(configured) > 0
	d := configured[count(configured) - 1]
	m := {"bytes": quantity.redis_bytes(d.value), "text": d.value, "path": d.path, "form": d.form}
	m.bytes > 0
}

maxmemory := m if {
	count(configured) == 0
	not redis.hidden
	m := {"bytes": floor((limit * percent) / 100), "text": sprintf("of %v%%", [percent]), "path": redis.server.config.percent, "form": "percent"}
}

maxmemory := m if {
	count(configured) == 0
	some i, word in input.spec.redis.command
	word == "--maxmemory"
	text := input.spec.redis.command[i + 1]
	m := {"bytes": quantity.redis_bytes(text), "text": text, "path": ["spec", "redis", "command", i + 1], "form": "argument"}
	m.bytes > 0
}

# maxmemory as a percentage of the limit.
percent := p if {
	p := redis.value(redis.server.config.percent)
	is_number(p)
	p > 0
}

# Nothing visible sets maxmemory; a script still may.
unlimited if {
	redis.server.config
	every d in configured { quantity.redis_bytes(d.value) == 0 }
	not in_command
	not percent
	not redis.hidden
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

# The same where maxmemory is set: a percentage, or the notation of Redis.
target := "75%" if maxmemory.form == "percent"

else := most

# What to set, and how Redis then behaves.
advice(verb) := sprintf("%s%s, above which Redis %s", [verb, bound, when_full])

bound := sprintf(", the maximum for the request \"%v\"", [request_text]) if by_request

else := ""

when_full := "rejects writes (noeviction)" if policy == "noeviction"

else := sprintf("evicts keys (%s)", [policy])

policy := lower(set[count(set) - 1].value) if {
	set := [d | some d in redis.directives; d.key == "maxmemory-policy"]
	count(set) > 0
} else := "noeviction"

# A value below the one for the limit may be far below what Redis already uses.
risk := {"suggested": sprintf("Redis may already use more than %s; raising the request keeps the data", [most])} if by_request

else := {}

# Sets maxmemory to room, as a part of a violation.
lower_fix := {"fix": object.union({"path": maxmemory.path, "op": "set", "value": lowered[maxmemory.form]}, risk)} if {
	lowered[maxmemory.form]
} else := {} if maxmemory.form in {"inline", "script"} # of which a line cannot be replaced

# A percentage, because it is that of the limit. mem/config-map-maxmemory is about files.
lowered := {"list": addition, "argument": most, "word": concat("", ["--", addition]), "percent": 75}

# Adds maxmemory if it is missing, as a part of a violation. Arguments and ConfigMaps are left to the user.
add_fix := {"fix": object.union({"path": array.concat(list, ["-"]), "op": "add", "value": addition}, risk)} if {
	count(redis.value(list)) > 0
} else := {"fix": object.union({"path": list, "op": "add", "value": [addition]}, risk)} if {
	list
} else := {}

# The list of directives, unless the operator may be too old for it.
list := redis.server.config.lists[0] if not redis.server.config.percent

addition := sprintf("maxmemory %s", [most])
