# METADATA
# title: customConfig contains a value that Redis rejects
# description: |-
#   The operator applies each entry of customConfig with CONFIG SET on every reconcile and stops at the first entry
#   that Redis rejects, before it rolls out pods and repairs sentinels. Redis accepts whole numbers with its own
#   units (kb, mb, gb and so on, but not Mi, Gi or fractions), and policies by their exact names.
# custom:
#   kinds: [RedisFailover]
#   fix: sets the size in mb
#   since: 0.1.0
#   remediation: Use a value that Redis accepts, such as 192mb.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
#     - Redis util.c memtoull
#     - Redis config.c; setConfigSaveOption, tried with redis-server 7.0.15
#     - https://redis.io/blog/announcing-redis-86-performance-improvements-streams
package redisgitops.config["bad-value"]

import data.redisgitops.lib.images
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.values

deny contains object.union(
	{
		"message": sprintf("invalid value \"%s\" for %s; %s", [d.value, d.key, values.takes[values.kinds[d.key]]]),
		"path": ["spec", part, "customConfig", d.index],
	},
	fix(d, part),
) if {
	some part in ["redis", "sentinel"]
	some d in redisfailover.directives(input.spec[part].customConfig)
	count(d.words) > 1
	not values.valid(values.kinds[d.key], d.value)
}

deny contains {
	"message": sprintf("invalid value \"%s\"; expected class, hard limit, soft limit and seconds, such as \"client-output-buffer-limit replica 256mb 64mb 60\"", [d.text]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "client-output-buffer-limit"
	not regex.match(values.buffer_limits, lower(d.value))
}

deny contains {
	"message": sprintf("%s requires Redis 8.6 or later, and the image is \"%s\"; %s", [d.value, image, values.takes.policy]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	image := object.get(input, ["spec", "redis", "image"], images.unset_image)
	values.too_new(d.key, d.value, image)
}

# What is a quantity of Kubernetes, or one of Redis with a fraction, has a value that is meant.
fix(d, part) := {"fix": {"path": ["spec", part, "customConfig", d.index], "op": "set", "value": concat(" ", [d.key, quantity.redis_mb(meant(d.value))])}} if {
	values.kinds[d.key] == "bytes"
	meant(d.value) >= quantity.mebi
} else := {}

meant(v) := quantity.bytes(v) if {
	endswith(v, "i")
} else := to_number(parts[1]) * quantity.redis_units[parts[2]] if {
	[parts] := regex.find_all_string_submatch_n(`^([0-9]{1,12}\.[0-9]{1,6})([kmg]b?)$`, lower(v), 1)
}
