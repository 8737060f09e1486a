# METADATA
# title: Persistence is effectively disabled
# description: |-
#   save "" turns snapshots off, and appendonly in customConfig comes too late to be read at the start: after a crash
#   Redis loads a snapshot that is old or was never made, and then overwrites the append-only file, which had
#   everything, with that.
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
	"message": "snapshots are off, and appendonly in customConfig is not read at the start, so that a restart loses everything; start Redis with --appendonly yes in command",
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "appendonly"
	lower(d.value) == "yes"
	redisfailover.saves_nothing
	every word in object.get(input, ["spec", "redis", "command"], []) { not contains(word, "appendonly") }
}
