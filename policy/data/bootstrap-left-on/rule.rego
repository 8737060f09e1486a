# METADATA
# title: bootstrapNode is still set
# description: |-
#   With bootstrapNode every Redis is a replica of the one named there, may never become a master (replica-priority 0)
#   and has, without allowSentinels, no sentinels. That is for copying data in. While it stays, there is no failover,
#   and when the other Redis empties, so does this one.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   remediation: Remove bootstrapNode once the data is here.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator#bootstrapping-from-pre-existing-redis-instances
#     - https://github.com/spotahome/redis-operator/issues/664
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/defaults.go
package redisgitops.data["bootstrap-left-on"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "bootstrapNode makes every Redis here a replica of another one, without failover; remove it once the data is copied",
	"path": ["spec", "bootstrapNode"],
	"key": true,
} if {
	redisfailover.bootstrapping(input)
}
