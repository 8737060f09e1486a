# METADATA
# title: bootstrapNode is still set
# description: |-
#   With bootstrapNode, every Redis pod is a replica of that host, can never become a master (replica-priority 0)
#   and, without allowSentinels, has no sentinels. It is meant for copying data. As long as it is set, there is no
#   failover, and when the source loses its data, so does this Redis.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   remediation: Remove bootstrapNode once the data has been copied.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator#bootstrapping-from-pre-existing-redis-instances
#     - https://github.com/spotahome/redis-operator/issues/664
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/defaults.go
package redisgitops.data["bootstrap-left-on"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "bootstrapNode makes every pod a replica of another Redis, without failover; remove it when all data is copied",
	"path": ["spec", "bootstrapNode"],
	"key": true,
} if {
	redisfailover.bootstrapping(input)
}
