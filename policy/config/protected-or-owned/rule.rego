# METADATA
# title: customConfig sets what belongs to the operator or is protected
# description: |-
#   The operator sends each entry of customConfig as CONFIG SET on every loop and stops at the first that Redis refuses,
#   before it rolls out pods and looks after sentinels: dir and dbfilename are protected and refused. The port, the
#   addresses and who follows whom belong to the operator: changed by hand, Redis no longer answers where the operator,
#   its probes and the sentinels look for it.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Remove the entry; set the port with spec.redis.port.
#   references:
#     - spotahome/redis-operator operator/redisfailover/checker.go applyRedisCustomConfig, service/redis/client.go getConfigParameters
#     - spotahome/redis-operator README.md, "Custom configurations"
#     - Redis config.c, PROTECTED_CONFIG
#     - https://github.com/spotahome/redis-operator/issues/664
package redisgitops.config["protected-or-owned"]

import data.redisgitops.lib.directives
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s is protected: Redis refuses to change it while it runs, and the operator stops at it; remove it, the data lie in /data", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key in directives.protected
}

deny contains {
	"message": sprintf("%s is not for customConfig: %s", [d.key, directives.owned[d.key]]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	directives.owned[d.key]
}

deny contains {
	"message": sprintf("%s is 0 while spec.bootstrapNode is there, so that no copy becomes master; remove it", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	input.spec.bootstrapNode
	some d in redisfailover.redis
	d.key in {"replica-priority", "slave-priority"}
}
