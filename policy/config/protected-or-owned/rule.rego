# METADATA
# title: customConfig sets a protected or operator-owned directive
# description: |-
#   The operator applies each entry of customConfig with CONFIG SET on every reconcile and stops at the first entry
#   that Redis rejects, before it rolls out pods and repairs sentinels. Since Redis 7.0, dir and dbfilename are
#   protected and rejected (unless enable-protected-configs is yes). Earlier versions accept them at runtime and
#   write their data there, but load /data/dump.rdb after a restart. The port, the bind addresses and the replication
#   settings belong to the operator, its probes and the sentinels.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Remove the entry; set the port with spec.redis.port, and the directory and file name of the dump in
#     spec.redis.command.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
#     - spotahome/redis-operator 632aa3da README.md:133-137, "Custom configurations"
#     - redis/redis 7.0 src/config.c, PROTECTED_CONFIG; 6.2 src/config.c, configSetCommand (dir) and dbfilename
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/defaults.go:20, bootstrappingRedisCustomConfig
#     - https://github.com/spotahome/redis-operator/issues/664
package redisgitops.config["protected-or-owned"]

import data.redisgitops.lib.directives
import data.redisgitops.lib.images
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s is protected and cannot be changed at runtime, so the operator stops reconciling; remove it (the data is in /data)", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key in directives.protected
	not unprotected
}

deny contains {
	"message": sprintf("Redis uses %s %s only until it restarts, then it starts with %s and without the data; remove it, or pass it in spec.redis.command", [d.key, d.value, starts]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key in directives.protected
	unprotected
	starts := started(d.key)
	trim_right(d.value, "/") != trim_right(starts, "/")
}

# unprotected: Redis takes protected directives from CONFIG SET.
unprotected if {
	image := object.get(input, ["spec", "redis", "image"], images.unset_image)
	images.of_redis(image)
	images.version(image) < 700
}

unprotected if started("enable-protected-configs") == "yes"

# started is the value that a directive has when Redis starts.
started(key) := last if {
	words := input.spec.redis.command
	is_array(words)
	values := [words[i + 1] | some i, word in words; word == sprintf("--%s", [key])]
	last := values[count(values) - 1]
} else := defaults[key]

defaults := {"dbfilename": "dump.rdb", "dir": "/data"}

deny contains {
	"message": sprintf("%s does not belong in customConfig: %s", [d.key, directives.owned[d.key]]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	directives.owned[d.key]
}

deny contains {
	"message": sprintf("%s overrides the 0 that the operator sets while spec.bootstrapNode is set, so sentinels may promote a replica; remove it", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	redisfailover.bootstrapping(input)
	some d in redisfailover.redis
	d.key in {"replica-priority", "slave-priority"}
	d.value != "0"
}
