# METADATA
# title: customConfig sets a directive that only applies at startup
# description: |-
#   The operator applies each entry of customConfig with CONFIG SET on every reconcile and stops at the first entry
#   that Redis rejects, before it rolls out pods and repairs sentinels. Redis rejects directives that cannot be
#   changed at runtime, so no further change reaches the pods and no lost sentinel is repaired. As arguments in
#   command they take effect.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Pass the directive to redis-server as an argument in spec.redis.command, or remove it.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
#     - Redis config.c, IMMUTABLE_CONFIG
#     - https://github.com/spotahome/redis-operator/issues/175
#     - https://github.com/spotahome/redis-operator/issues/197
package redisgitops.config.immutable

import data.redisgitops.lib.directives
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s cannot be changed at runtime, so the operator stops reconciling; %s", [d.key, advice(d)]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	fixed(d.key)
}

advice(d) := "remove it, because Sentinel does not support cluster mode" if {
	startswith(d.key, "cluster-")
} else := "remove it, because the operator sets it" if {
	d.key in {"daemonize", "pidfile", "supervised"}
} else := sprintf("move it to spec.redis.command: [\"redis-server\", \"/redis/redis.conf\", \"--%s\", \"%s\"]", [d.key, d.value])

deny contains {
	"message": sprintf("sentinels cannot change %s at runtime, so the operator stops reconciling; remove it", [d.key]),
	"path": ["spec", "sentinel", "customConfig", d.index],
} if {
	some d in redisfailover.sentinel
	d.key in directives.scripts
}

fixed(key) if key in directives.immutable

fixed(key) if key in {"include", "loadmodule"}
