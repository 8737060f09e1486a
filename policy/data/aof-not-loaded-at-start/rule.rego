# METADATA
# title: Append-only file is not loaded at startup
# description: |-
#   The operator applies customConfig with CONFIG SET after Redis has started. At startup, appendonly is therefore
#   off: Redis loads the last snapshot, and changes that only the append-only file contains are lost. When CONFIG SET
#   enables it, Redis rewrites the file from that older state.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: 'suggested: adds a command with --appendonly yes if there is none'
#   remediation: |-
#     Start Redis with the command redis-server /redis/redis.conf --appendonly yes instead. On a Redis that has data
#     but no append-only file yet, run CONFIG SET appendonly yes manually first.
#   since: 0.1.0
#   references:
#     - https://github.com/cozystack/cozystack/pull/2341
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, redisConfigTemplate
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, SetCustomRedisConfig
package redisgitops.data["aof-not-loaded-at-start"]

import data.redisgitops.lib.redisfailover

deny contains object.union(violation, fix) if {
	some d in redisfailover.redis
	d.key == "appendonly"
	lower(d.value) == "yes"
	not starts_with_it
	not redisfailover.saves_nothing # which has a rule of its own
	violation := {
		"message": "customConfig enables appendonly only after startup, when the older snapshot is already loaded; start Redis with --appendonly yes in command",
		"path": ["spec", "redis", "customConfig", d.index],
	}
}

starts_with_it if {
	some word in input.spec.redis.command
	is_string(word)
	contains(word, "appendonly")
}

fix := {} if count(object.get(input, ["spec", "redis", "command"], [])) > 0

else := {"fix": {"path": ["spec", "redis", "command"], "op": "add", "value": ["redis-server", "/redis/redis.conf", "--appendonly", "yes"], "suggested": "a pod without an append-only file starts empty; make sure that every pod has one first"}}
