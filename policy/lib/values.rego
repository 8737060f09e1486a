# The values that Redis accepts for directives. Source: config.c, util.c memtoull.
package redisgitops.lib.values

import data.redisgitops.lib.images

# The value types of directives.
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
	"save": "save",
}

valid("bytes", v) if regex.match(`^[0-9]+([kmg]b?|b)?$`, lower(v))

valid("bytes or percent", v) if regex.match(`^[0-9]+([kmg]b?|b|%)?$`, lower(v))

valid("policy", v) if lower(v) in (policies | since_8_6)

policies := {"allkeys-lfu", "allkeys-lru", "allkeys-random", "noeviction", "volatile-lfu", "volatile-lru", "volatile-random", "volatile-ttl"}

since_8_6 := {"allkeys-lrm", "volatile-lrm"}

valid("fsync", v) if lower(v) in {"always", "everysec", "no"}

valid("level", v) if lower(v) in {"debug", "verbose", "notice", "warning", "nothing"}

valid("yes or no", v) if lower(v) in {"yes", "no"}

valid("number", v) if regex.match(`^-?[0-9]+$`, v)

valid("save", v) if regex.match(`^[0-9]*[1-9][0-9]* [0-9]+( [0-9]*[1-9][0-9]* [0-9]+)*$|["']`, v) # data/save-quoting is about quotes

# What a type of values takes.
takes := {
	"bytes": "use an integer with kb, mb or gb",
	"bytes or percent": "use an integer with kb, mb, gb or %",
	"policy": "use noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random or volatile-ttl",
	"fsync": "use always, everysec or no",
	"level": "use debug, verbose, notice or warning",
	"yes or no": "use yes or no, without quotes",
	"number": "use an integer",
	"save": "use pairs of seconds, at least 1, and changes, such as 900 1 300 10",
}

# Whether a value came with Redis 8.6, and the image is an older version or Valkey.
too_new(key, value, image) if {
	key == "maxmemory-policy"
	lower(value) in since_8_6
	older(image)
}

older(image) if images.reference(image).name == "valkey"

older(image) if {
	images.of_redis(image)
	images.version(image) < 806
}

# The value of client-output-buffer-limit in lower case: class, hard limit, soft limit and seconds, once or more.
buffer_limits := `^("?(normal|slave|replica|pubsub) [0-9]+[kmg]?b? [0-9]+[kmg]?b? [0-9]+"? ?)+$`

# Whether Redis rejects a directive, so that an earlier one with the same key stays in effect.
refused(d) if count(d.words) < 2

refused(d) if not valid(kinds[d.key], d.value)
