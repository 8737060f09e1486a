# Quantities of Kubernetes and Redis, in bytes.
package redisgitops.lib.quantity

mebi := 1048576

# A Kubernetes memory quantity in bytes: "64Mi", "1.5Gi", "1G", 1000. Undefined if it is not a quantity.
bytes(q) := q if is_number(q)

bytes(q) := units.parse(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$`, q)
}

bytes(q) := units.parse(q) if milli(q)

# Whether a quantity is in thousandths, which is fine for CPU and a mistake for memory.
milli(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?m$`, q)
}

# A CPU quantity in cores: "250m", "0.5", 2.
cores(q) := q if is_number(q)

cores(q) := units.parse(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?m?$`, q)
}

redis_units := {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000000, "mb": 1048576, "g": 1000000000, "gb": 1073741824}

# A Redis memory value in bytes (memtoull of util.c: a whole number and a unit, in any case).
redis_bytes(v) := to_number(parts[1]) * redis_units[parts[2]] if {
	[parts] := regex.find_all_string_submatch_n(`^([0-9]{1,18})([kmg]?b?)$`, lower(v), 1)
}

# Bytes in the notation of Redis, in whole MiB and at least one.
redis_mb(n) := sprintf("%dmb", [max({floor(n / mebi), 1})])

# The number of pods that a number or percentage of a PodDisruptionBudget means.
pods(n, _) := n if is_number(n)

pods(text, total) := ceil((total * to_number(digits)) / 100) if {
	[[_, digits]] := regex.find_all_string_submatch_n(`^([0-9]{1,3})%$`, text, 1)
}
