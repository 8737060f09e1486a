# The directives of Redis, by what CONFIG SET does with them, and the parameters of SENTINEL SET. Source: config.c and sentinel.c of
# Redis 6.2 to 8.0, and CONFIG GET * and CONFIG SET of each on a redis-server 7.0.15, November 2026.
package redisgitops.lib.directives

# immutable ones are read at the start only (IMMUTABLE_CONFIG; include and loadmodule are no configuration at run time at all).
immutable := {
	"aclfile", "always-show-logo", "aof_rewrite_cpulist", "appenddirname", "appendfilename", "bgsave_cpulist", "bio_cpulist",
	"cluster-config-file", "cluster-enabled", "cluster-port", "daemonize", "databases", "disable-thp", "enable-debug-command",
	"enable-module-command", "enable-protected-configs", "io-threads", "io-threads-do-reads", "logfile", "pidfile",
	"rdbchecksum", "server_cpulist", "set-proc-title", "socket-mark-id", "supervised", "syslog-enabled", "syslog-facility",
	"syslog-ident", "tcp-backlog", "unixsocket", "unixsocketperm",
}

# protected ones CONFIG SET refuses while enable-protected-configs is no (PROTECTED_CONFIG).
protected := {"dbfilename", "dir"}

# owned ones are the operator's to set: it starts Redis with them and dials it by them.
owned := {
	"bind": "the operator and the sentinels reach Redis at its pod's address; remove it",
	"port": "the operator and the probes dial spec.redis.port; set that",
	"replicaof": "the operator and the sentinels say who follows whom; remove it",
	"slaveof": "the operator and the sentinels say who follows whom; remove it",
}

# known ones by the version that has them first, as 100 × major + minor.
known := {
	602: {
		"acl-pubsub-default", "aclfile", "acllog-max-len", "active-defrag-cycle-max", "active-defrag-cycle-min",
		"active-defrag-ignore-bytes", "active-defrag-max-scan-fields", "active-defrag-threshold-lower",
		"active-defrag-threshold-upper", "active-expire-effort", "activedefrag", "activerehashing", "always-show-logo",
		"aof-load-truncated", "aof-rewrite-incremental-fsync", "aof-use-rdb-preamble", "aof_rewrite_cpulist", "appendfilename",
		"appendfsync", "appendonly", "auto-aof-rewrite-min-size", "auto-aof-rewrite-percentage", "bgsave_cpulist", "bind",
		"bio_cpulist", "client-output-buffer-limit", "client-query-buffer-limit", "cluster-allow-reads-when-down",
		"cluster-allow-replica-migration", "cluster-announce-bus-port", "cluster-announce-ip", "cluster-announce-port",
		"cluster-announce-tls-port", "cluster-config-file", "cluster-enabled", "cluster-migration-barrier",
		"cluster-node-timeout", "cluster-replica-no-failover", "cluster-replica-validity-factor",
		"cluster-require-full-coverage", "cluster-slave-no-failover", "cluster-slave-validity-factor", "crash-log-enabled",
		"crash-memcheck-enabled", "daemonize", "databases", "dbfilename", "dir", "disable-thp", "dynamic-hz",
		"hash-max-ziplist-entries", "hash-max-ziplist-value", "hll-sparse-max-bytes", "hz", "ignore-warnings", "io-threads",
		"io-threads-do-reads", "jemalloc-bg-thread", "latency-monitor-threshold", "lazyfree-lazy-eviction",
		"lazyfree-lazy-expire", "lazyfree-lazy-server-del", "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush",
		"lfu-decay-time", "lfu-log-factor", "list-compress-depth", "list-max-ziplist-size", "logfile", "loglevel",
		"lua-time-limit", "masterauth", "masteruser", "maxclients", "maxmemory", "maxmemory-eviction-tenacity",
		"maxmemory-policy", "maxmemory-samples", "min-replicas-max-lag", "min-replicas-to-write", "min-slaves-max-lag",
		"min-slaves-to-write", "no-appendfsync-on-rewrite", "notify-keyspace-events", "oom-score-adj", "oom-score-adj-values",
		"pidfile", "port", "proc-title-template", "protected-mode", "proto-max-bulk-len", "rdb-del-sync-files",
		"rdb-save-incremental-fsync", "rdbchecksum", "rdbcompression", "repl-backlog-size", "repl-backlog-ttl",
		"repl-disable-tcp-nodelay", "repl-diskless-load", "repl-diskless-sync", "repl-diskless-sync-delay",
		"repl-ping-replica-period", "repl-ping-slave-period", "repl-timeout", "replica-announce-ip", "replica-announce-port",
		"replica-announced", "replica-ignore-maxmemory", "replica-lazy-flush", "replica-priority", "replica-read-only",
		"replica-serve-stale-data", "replicaof", "requirepass", "sanitize-dump-payload", "save", "server_cpulist",
		"set-max-intset-entries", "set-proc-title", "slave-announce-ip", "slave-announce-port", "slave-ignore-maxmemory",
		"slave-lazy-flush", "slave-priority", "slave-read-only", "slave-serve-stale-data", "slaveof", "slowlog-log-slower-than",
		"slowlog-max-len", "stop-writes-on-bgsave-error", "stream-node-max-bytes", "stream-node-max-entries", "supervised",
		"syslog-enabled", "syslog-facility", "syslog-ident", "tcp-backlog", "tcp-keepalive", "timeout", "tls-auth-clients",
		"tls-ca-cert-dir", "tls-ca-cert-file", "tls-cert-file", "tls-ciphers", "tls-ciphersuites", "tls-client-cert-file",
		"tls-client-key-file", "tls-client-key-file-pass", "tls-cluster", "tls-dh-params-file", "tls-key-file",
		"tls-key-file-pass", "tls-port", "tls-prefer-server-ciphers", "tls-protocols", "tls-replication",
		"tls-session-cache-size", "tls-session-cache-timeout", "tls-session-caching", "tracking-table-max-keys", "unixsocket",
		"unixsocketperm", "zset-max-ziplist-entries", "zset-max-ziplist-value", "gopher-enabled",
	},
	700: {
		"shutdown-timeout", "shutdown-on-sigterm", "shutdown-on-sigint", "enable-protected-configs", "enable-debug-command",
		"enable-module-command", "maxmemory-clients", "propagation-error-behavior", "replica-ignore-disk-write-errors",
		"busy-reply-threshold", "latency-tracking", "latency-tracking-info-percentiles", "aof-timestamp-enabled",
		"appenddirname", "socket-mark-id", "list-max-listpack-size", "hash-max-listpack-entries", "hash-max-listpack-value",
		"zset-max-listpack-entries", "zset-max-listpack-value", "cluster-port", "cluster-announce-hostname",
		"cluster-preferred-endpoint-type", "cluster-link-sendbuf-limit", "cluster-allow-pubsubshard-when-down",
		"bind-source-addr", "repl-diskless-sync-max-replicas", "aof-disable-auto-gc",
	},
	702: {
		"set-max-listpack-entries", "set-max-listpack-value", "cluster-announce-human-nodename", "locale-collate",
		"max-new-connections-per-cycle", "max-new-tls-connections-per-cycle",
	},
	704: {
		"hide-user-data-from-log",
	},
	800: {
		"repl-rdb-channel", "replica-full-sync-buffer-limit",
	},
}

# gone ones by the version that has them no more.
gone := {"gopher-enabled": 700}

names := union({names | some names in known})

# of other rules: CONFIG SET knows none of them either.
elsewhere := {"include", "loadmodule", "rename-command", "user"}

# sentinel is what SENTINEL SET takes for a master.
sentinel := {
	"auth-pass", "auth-user", "client-reconfig-script", "down-after-milliseconds", "failover-timeout",
	"master-reboot-down-after-period", "notification-script", "parallel-syncs", "quorum", "rename-command",
}

# scripts cannot be set at run time while sentinel deny-scripts-reconfig is yes, the default.
scripts := {"client-reconfig-script", "notification-script"}

# canonical writes replica for slave, which Redis keeps as an alias, so that duplicates show.
canonical(key) := replace(key, "slave", "replica") if {
	not key in owned_names
} else := key

owned_names := object.keys(owned)
