# METADATA
# title: customConfig has a value that Redis does not take
# description: |-
#   The operator sends each entry of customConfig as CONFIG SET on every loop and stops at the first that Redis refuses,
#   before it rolls out pods and looks after sentinels: Redis takes whole numbers with its own units (kb, mb, gb and so
#   on, but no Mi or Gi and no fractions), and the policies by their exact names.
# custom:
#   kinds: [RedisFailover]
#   fix: writes the quantity in mb
#   since: 0.1.0
#   remediation: Write the value as Redis takes it, such as 192mb.
#   references:
#     - spotahome/redis-operator operator/redisfailover/checker.go applyRedisCustomConfig, service/redis/client.go getConfigParameters
#     - Redis util.c memtoull
#     - Redis config.c
package redisgitops.config["bad-value"]

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redisfailover

deny contains object.union(
	{
		"message": sprintf("\"%s\" is no value of %s; %s", [d.value, d.key, takes(kinds[d.key])]),
		"path": ["spec", part, "customConfig", d.index],
	},
	fix(d, part),
) if {
	some part in ["redis", "sentinel"]
	some d in redisfailover.directives(input.spec[part].customConfig)
	count(d.words) > 1
	not valid(kinds[d.key], d.value)
}

deny contains {
	"message": sprintf("\"%s\" is not a class, a hard limit, a soft limit and seconds; write it like \"client-output-buffer-limit replica 256mb 64mb 60\"", [d.text]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "client-output-buffer-limit"
	not regex.match(`^("?(normal|slave|replica|pubsub) [0-9]+[kmg]?b? [0-9]+[kmg]?b? [0-9]+"? ?)+$`, lower(d.value))
}

# kinds of the values of directives.
kinds := {
	"active-defrag-ignore-bytes": "bytes", "auto-aof-rewrite-min-size": "bytes", "client-query-buffer-limit": "bytes",
	"cluster-link-sendbuf-limit": "bytes", "maxmemory": "bytes", "proto-max-bulk-len": "bytes", "repl-backlog-size": "bytes",
	"stream-node-max-bytes": "bytes",
	"maxmemory-clients": "bytes or percent",
	"maxmemory-policy": "policy",
	"appendfsync": "fsync",
	"loglevel": "level",
	"activedefrag": "yes or no", "activerehashing": "yes or no", "aof-load-truncated": "yes or no",
	"aof-use-rdb-preamble": "yes or no", "appendonly": "yes or no", "crash-log-enabled": "yes or no",
	"dynamic-hz": "yes or no", "lazyfree-lazy-eviction": "yes or no", "lazyfree-lazy-expire": "yes or no",
	"lazyfree-lazy-server-del": "yes or no", "lazyfree-lazy-user-del": "yes or no", "lazyfree-lazy-user-flush": "yes or no",
	"no-appendfsync-on-rewrite": "yes or no", "protected-mode": "yes or no", "rdbcompression": "yes or no",
	"repl-disable-tcp-nodelay": "yes or no", "repl-diskless-sync": "yes or no", "replica-lazy-flush": "yes or no",
	"replica-read-only": "yes or no", "replica-serve-stale-data": "yes or no", "stop-writes-on-bgsave-error": "yes or no",
	"active-expire-effort": "number", "auto-aof-rewrite-percentage": "number", "hz": "number",
	"latency-monitor-threshold": "number", "lfu-decay-time": "number", "lfu-log-factor": "number", "maxclients": "number",
	"maxmemory-samples": "number", "min-replicas-max-lag": "number", "min-replicas-to-write": "number",
	"repl-backlog-ttl": "number", "repl-diskless-sync-delay": "number", "repl-timeout": "number",
	"replica-priority": "number", "slowlog-log-slower-than": "number", "slowlog-max-len": "number", "tcp-keepalive": "number",
	"timeout": "number", "down-after-milliseconds": "number", "failover-timeout": "number", "parallel-syncs": "number",
	"quorum": "number",
}

valid("bytes", v) if regex.match(`^[0-9]+([kmg]b?|b)?$`, lower(v))

valid("bytes or percent", v) if regex.match(`^[0-9]+([kmg]b?|b|%)?$`, lower(v))

valid("policy", v) if lower(v) in {"allkeys-lfu", "allkeys-lru", "allkeys-random", "noeviction", "volatile-lfu", "volatile-lru", "volatile-random", "volatile-ttl"}

valid("fsync", v) if lower(v) in {"always", "everysec", "no"}

valid("level", v) if lower(v) in {"debug", "verbose", "notice", "warning", "nothing"}

valid("yes or no", v) if lower(v) in {"yes", "no"}

valid("number", v) if regex.match(`^-?[0-9]+$`, v)

takes("bytes") := "write a whole number with kb, mb or gb"

takes("bytes or percent") := "write a whole number with kb, mb, gb or %"

takes("policy") := "write noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random or volatile-ttl"

takes("fsync") := "write always, everysec or no"

takes("level") := "write debug, verbose, notice or warning"

takes("yes or no") := "write yes or no, without quotes"

takes("number") := "write a whole number"

# What is a quantity of Kubernetes, or one of Redis with a fraction, has a value that is meant.
fix(d, part) := {"fix": {"path": ["spec", part, "customConfig", d.index], "op": "set", "value": concat(" ", [d.key, quantity.redis_mb(meant(d.value))])}} if {
	kinds[d.key] == "bytes"
	meant(d.value) >= quantity.mebi
} else := {}

meant(v) := quantity.bytes(v) if {
	endswith(v, "i")
} else := to_number(parts[1]) * quantity.redis_units[parts[2]] if {
	[parts] := regex.find_all_string_submatch_n(`^([0-9]{1,12}\.[0-9]{1,6})([kmg]b?)$`, lower(v), 1)
}
