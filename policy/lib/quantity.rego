# Quantities of Kubernetes and of Redis, in bytes.
package redisgitops.lib.quantity

mebi := 1048576

# bytes of a memory quantity of Kubernetes: "64Mi", "1.5Gi", "1G", 1000. Undefined for what is none.
bytes(q) := q if is_number(q)

bytes(q) := units.parse(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$`, q)
}

bytes(q) := units.parse(q) if milli(q)

# milli says whether a quantity is in thousandths, which is fine for CPU and a slip for memory.
milli(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?m$`, q)
}

# cores of a CPU quantity: "250m", "0.5", 2.
cores(q) := q if is_number(q)

cores(q) := units.parse(q) if {
	is_string(q)
	regex.match(`^[0-9]+(\.[0-9]+)?m?$`, q)
}

redis_units := {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000000, "mb": 1048576, "g": 1000000000, "gb": 1073741824}

# redis_bytes of a memory value of Redis (memtoull of util.c: a whole number and a unit of its table, in any case).
redis_bytes(v) := to_number(parts[1]) * redis_units[parts[2]] if {
	[parts] := regex.find_all_string_submatch_n(`^([0-9]{1,18})([kmg]?b?)$`, lower(v), 1)
}

# redis_mb writes bytes as Redis takes them, in whole MiB and at least one.
redis_mb(n) := sprintf("%dmb", [max({floor(n / mebi), 1})])
