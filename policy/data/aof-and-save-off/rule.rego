# METADATA
# title: Persistence is effectively disabled
# description: |-
#   save "" disables snapshots, and appendonly in customConfig is applied too late to be read at startup: after a
#   crash, Redis loads an old snapshot or none, and then overwrites the append-only file, which had all the data,
#   with that state.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Start Redis with the command redis-server /redis/redis.conf --appendonly yes.
#   since: 0.1.0
#   references:
#     - https://github.com/cozystack/cozystack/pull/2341
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, SetCustomRedisConfig
package redisgitops.data["aof-and-save-off"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "snapshots are disabled, and appendonly in customConfig has no effect at startup, so a restart loses all data; start Redis with --appendonly yes in command",
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "appendonly"
	lower(d.value) == "yes"
	redisfailover.saves_nothing
	every word in object.get(input, ["spec", "redis", "command"], []) { not contains(word, "appendonly") }
}
