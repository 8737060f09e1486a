# METADATA
# title: rename-command in customConfig
# description: |-
#   The operator applies customConfig with CONFIG SET, which does not support rename-command: Redis only reads it at
#   startup. The operator stops reconciling there every time, so pods are not updated and sentinels are not repaired,
#   and the command keeps its name.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Move it to spec.redis.customCommandRenames.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/233
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, applyRedisConfig
package redisgitops.sec["rename-in-custom-config"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "rename-command cannot be set with CONFIG SET, so the operator stops reconciling; move it to customCommandRenames",
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key == "rename-command"
}
