# Redis directives by how CONFIG SET treats them, and the parameters of SENTINEL SET. Source: config.c and sentinel.c of Redis
# 6.2 to 8.0, and CONFIG GET * and CONFIG SET of each on redis-server 7.0.15, November 2026.
package redisgitops.lib.directives

import data.redisgitops.lib.images
import data.redisgitops.lib.words

# Directives that are only read at startup (IMMUTABLE_CONFIG; include and loadmodule are not runtime configuration at all).
immutable := {
	"aclfile", "always-show-logo", "aof_rewrite_cpulist", "appenddirname", "appendfilename", "bgsave_cpulist", "bio_cpulist",
	"cluster-config-file", "cluster-enabled", "cluster-port", "daemonize", "databases", "disable-thp", "enable-debug-command",
	"enable-module-command", "enable-protected-configs", "io-threads", "io-threads-do-reads", "logfile", "pidfile",
	"rdbchecksum", "server_cpulist", "set-proc-title", "socket-mark-id", "supervised", "syslog-enabled", "syslog-facility",
	"syslog-ident", "tcp-backlog", "unixsocket", "unixsocketperm",
}

# Directives that CONFIG SET rejects since Redis 7.0 while enable-protected-configs is no (PROTECTED_CONFIG).
protected := {"dbfilename", "dir"}

# String directives whose values may contain spaces (createStringConfig, createSDSConfig).
free_text := {
	"cluster-announce-hostname", "cluster-announce-human-nodename", "cluster-announce-ip", "dbfilename", "dir",
	"ignore-warnings", "locale-collate", "masterauth", "masteruser", "notify-keyspace-events", "proc-title-template",
	"replica-announce-ip", "requirepass", "slave-announce-ip", "tls-ca-cert-dir", "tls-ca-cert-file", "tls-cert-file",
	"tls-ciphers", "tls-ciphersuites", "tls-dh-params-file", "tls-key-file", "tls-key-file-pass", "tls-protocols",
}

# Directives that split their value themselves, at any number of spaces.
split_by_redis := {"latency-tracking-info-percentiles"}

# Directives that the operator sets: it starts Redis with them, or connects with them.
owned := {
	"bind": "the operator and the sentinels connect to the pod IP; remove it",
	"port": "the operator and the probes use spec.redis.port; set that instead",
	"replicaof": "the operator and the sentinels manage replication; remove it",
	"slaveof": "the operator and the sentinels manage replication; remove it",
}

# The first version with a directive, as 100 × major + minor.
since := {
	"acl-pubsub-default": 602, "aclfile": 602, "acllog-max-len": 602, "active-defrag-cycle-max": 602,
	"active-defrag-cycle-min": 602, "active-defrag-ignore-bytes": 602, "active-defrag-max-scan-fields": 602,
	"active-defrag-threshold-lower": 602, "active-defrag-threshold-upper": 602, "active-expire-effort": 602,
	"activedefrag": 602, "activerehashing": 602, "always-show-logo": 602, "aof-load-truncated": 602,
	"aof-rewrite-incremental-fsync": 602, "aof-use-rdb-preamble": 602, "aof_rewrite_cpulist": 602,
	"appendfilename": 602, "appendfsync": 602, "appendonly": 602, "auto-aof-rewrite-min-size": 602,
	"auto-aof-rewrite-percentage": 602, "bgsave_cpulist": 602, "bind": 602, "bio_cpulist": 602,
	"client-output-buffer-limit": 602, "client-query-buffer-limit": 602, "cluster-allow-reads-when-down": 602,
	"cluster-allow-replica-migration": 602, "cluster-announce-bus-port": 602, "cluster-announce-ip": 602,
	"cluster-announce-port": 602, "cluster-announce-tls-port": 602, "cluster-config-file": 602, "cluster-enabled": 602,
	"cluster-migration-barrier": 602, "cluster-node-timeout": 602, "cluster-replica-no-failover": 602,
	"cluster-replica-validity-factor": 602, "cluster-require-full-coverage": 602, "cluster-slave-no-failover": 602,
	"cluster-slave-validity-factor": 602, "crash-log-enabled": 602, "crash-memcheck-enabled": 602, "daemonize": 602,
	"databases": 602, "dbfilename": 602, "dir": 602, "disable-thp": 602, "dynamic-hz": 602,
	"hash-max-ziplist-entries": 602, "hash-max-ziplist-value": 602, "hll-sparse-max-bytes": 602, "hz": 602,
	"ignore-warnings": 602, "io-threads": 602, "io-threads-do-reads": 602, "jemalloc-bg-thread": 602,
	"latency-monitor-threshold": 602, "lazyfree-lazy-eviction": 602, "lazyfree-lazy-expire": 602,
	"lazyfree-lazy-server-del": 602, "lazyfree-lazy-user-del": 602, "lazyfree-lazy-user-flush": 602,
	"lfu-decay-time": 602, "lfu-log-factor": 602, "list-compress-depth": 602, "list-max-ziplist-size": 602,
	"logfile": 602, "loglevel": 602, "lua-time-limit": 602, "masterauth": 602, "masteruser": 602, "maxclients": 602,
	"maxmemory": 602, "maxmemory-eviction-tenacity": 602, "maxmemory-policy": 602, "maxmemory-samples": 602,
	"min-replicas-max-lag": 602, "min-replicas-to-write": 602, "min-slaves-max-lag": 602, "min-slaves-to-write": 602,
	"no-appendfsync-on-rewrite": 602, "notify-keyspace-events": 602, "oom-score-adj": 602, "oom-score-adj-values": 602,
	"pidfile": 602, "port": 602, "proc-title-template": 602, "protected-mode": 602, "proto-max-bulk-len": 602,
	"rdb-del-sync-files": 602, "rdb-save-incremental-fsync": 602, "rdbchecksum": 602, "rdbcompression": 602,
	"repl-backlog-size": 602, "repl-backlog-ttl": 602, "repl-disable-tcp-nodelay": 602, "repl-diskless-load": 602,
	"repl-diskless-sync": 602, "repl-diskless-sync-delay": 602, "repl-ping-replica-period": 602,
	"repl-ping-slave-period": 602, "repl-timeout": 602, "replica-announce-ip": 602, "replica-announce-port": 602,
	"replica-announced": 602, "replica-ignore-maxmemory": 602, "replica-lazy-flush": 602, "replica-priority": 602,
	"replica-read-only": 602, "replica-serve-stale-data": 602, "replicaof": 602, "requirepass": 602,
	"sanitize-dump-payload": 602, "save": 602, "server_cpulist": 602, "set-max-intset-entries": 602,
	"set-proc-title": 602, "slave-announce-ip": 602, "slave-announce-port": 602, "slave-ignore-maxmemory": 602,
	"slave-lazy-flush": 602, "slave-priority": 602, "slave-read-only": 602, "slave-serve-stale-data": 602,
	"slaveof": 602, "slowlog-log-slower-than": 602, "slowlog-max-len": 602, "stop-writes-on-bgsave-error": 602,
	"stream-node-max-bytes": 602, "stream-node-max-entries": 602, "supervised": 602, "syslog-enabled": 602,
	"syslog-facility": 602, "syslog-ident": 602, "tcp-backlog": 602, "tcp-keepalive": 602, "timeout": 602,
	"tls-auth-clients": 602, "tls-ca-cert-dir": 602, "tls-ca-cert-file": 602, "tls-cert-file": 602, "tls-ciphers": 602,
	"tls-ciphersuites": 602, "tls-client-cert-file": 602, "tls-client-key-file": 602, "tls-client-key-file-pass": 602,
	"tls-cluster": 602, "tls-dh-params-file": 602, "tls-key-file": 602, "tls-key-file-pass": 602, "tls-port": 602,
	"tls-prefer-server-ciphers": 602, "tls-protocols": 602, "tls-replication": 602, "tls-session-cache-size": 602,
	"tls-session-cache-timeout": 602, "tls-session-caching": 602, "tracking-table-max-keys": 602, "unixsocket": 602,
	"unixsocketperm": 602, "zset-max-ziplist-entries": 602, "zset-max-ziplist-value": 602, "gopher-enabled": 602,
	"shutdown-timeout": 700, "shutdown-on-sigterm": 700, "shutdown-on-sigint": 700, "enable-protected-configs": 700,
	"enable-debug-command": 700, "enable-module-command": 700, "maxmemory-clients": 700,
	"propagation-error-behavior": 700, "replica-ignore-disk-write-errors": 700, "busy-reply-threshold": 700,
	"latency-tracking": 700, "latency-tracking-info-percentiles": 700, "aof-timestamp-enabled": 700,
	"appenddirname": 700, "socket-mark-id": 700, "list-max-listpack-size": 700, "hash-max-listpack-entries": 700,
	"hash-max-listpack-value": 700, "zset-max-listpack-entries": 700, "zset-max-listpack-value": 700,
	"cluster-port": 700, "cluster-announce-hostname": 700, "cluster-preferred-endpoint-type": 700,
	"cluster-link-sendbuf-limit": 700, "cluster-allow-pubsubshard-when-down": 700, "bind-source-addr": 700,
	"repl-diskless-sync-max-replicas": 700, "aof-disable-auto-gc": 700, "set-max-listpack-entries": 702,
	"set-max-listpack-value": 702, "cluster-announce-human-nodename": 702, "locale-collate": 702,
	"max-new-connections-per-cycle": 702, "max-new-tls-connections-per-cycle": 702, "hide-user-data-from-log": 704,
	"repl-rdb-channel": 800, "replica-full-sync-buffer-limit": 800, "server-cpulist": 800, "bio-cpulist": 800,
	"aof-rewrite-cpulist": 800, "bgsave-cpulist": 800, "cluster-compatibility-sample-ratio": 800,
}

# Directives that CONFIG GET does not list (HIDDEN_CONFIG).
hidden := {
	"cluster-ping-interval", "key-load-delay", "loading-process-events-interval-bytes", "rdb-key-save-delay",
	"use-exit-on-panic", "watchdog-period",
}

# Whether the Redis of an image may have a directive. Those of modules have a dot or, since Redis 8.0, a prefix. The names of versions
# after 8.0 are not all in this list, so only what looks like a typo is certain there.
known(key, _) if key in names

known(key, _) if key in (hidden | (elsewhere | sentinel))

known(key, _) if regex.match(`[.]|^(search|ts|bf|cf)-`, key)

known(key, image) if {
	not images.version(image) <= 800
	count(words.near(key, names)) == 0
}

# Removed directives, by the first version without them.
gone := {"gopher-enabled": 700}

# All directive names.
names := object.keys(since)

# Names that other rules handle: CONFIG SET does not know them either.
elsewhere := {"include", "loadmodule", "rename-command", "user"}

# The parameters of SENTINEL SET for a master.
sentinel := {
	"auth-pass", "auth-user", "client-reconfig-script", "down-after-milliseconds", "failover-timeout",
	"master-reboot-down-after-period", "notification-script", "parallel-syncs", "quorum", "rename-command",
}

# Parameters that cannot be set at runtime while sentinel deny-scripts-reconfig is yes, the default.
scripts := {"client-reconfig-script", "notification-script"}

# A directive name with replica instead of slave, which Redis keeps as an alias, so that duplicates are found.
canonical(key) := replace(key, "slave", "replica") if {
	not key in owned_names
} else := key

owned_names := object.keys(owned)
