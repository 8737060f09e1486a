# METADATA
# title: rename-command in customConfig
# description: |-
#   The operator applies customConfig by CONFIG SET, which knows no rename-command: Redis reads it at the start only.
#   The operator stops there in every round, so that pods are not updated and sentinels not repaired, and the command
#   keeps its name.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Write it below spec.redis.customCommandRenames.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/233
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, applyRedisConfig
package redisgitops.sec["rename-in-custom-config"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "CONFIG SET knows no rename-command, and the operator stops there; write it below customCommandRenames",
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "rename-command"
}
