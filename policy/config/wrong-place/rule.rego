# METADATA
# title: Configuration is set where the operator ignores it
# description: |-
#   customConfig is a list of strings, applied with CONFIG SET under spec.redis and with SENTINEL SET under
#   spec.sentinel. A map is the syntax of another operator and is rejected by the API server; a directive in the
#   wrong list is rejected by Redis or Sentinel, and the operator stops reconciling.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Use lists of strings, with Redis directives under spec.redis and Sentinel directives under spec.sentinel.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
#     - spotahome/redis-operator v1.2.4 and 632aa3da service/redis/client.go, SetCustomSentinelConfig and SetCustomRedisConfig
package redisgitops.config["wrong-place"]

import data.redisgitops.lib.directives
import data.redisgitops.lib.redisfailover

deny contains {
	"message": "customConfig is not a list; use a list with entries \"DIRECTIVE VALUE\"",
	"path": ["spec", part, "customConfig"],
} if {
	some part in ["redis", "sentinel"]
	custom := input.spec[part].customConfig
	not is_array(custom)
	not is_null(custom)
}

deny contains {
	"message": sprintf("%v is a mapping; use the string \"%s\"", [name, concat(" ", [name, sprintf("%v", [value])])]),
	"path": ["spec", part, "customConfig", i],
} if {
	some part in ["redis", "sentinel"]
	some i, entry in input.spec[part].customConfig
	is_number(i)
	some name, value in entry
}

deny contains {
	"message": sprintf("%s is a Sentinel setting; move it to spec.sentinel.customConfig", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	d.key in directives.sentinel
	not d.key in directives.elsewhere
}

deny contains {
	"message": sprintf("%s is a Redis directive; move it to spec.redis.customConfig", [d.key]),
	"path": ["spec", "sentinel", "customConfig", d.index],
} if {
	some d in redisfailover.sentinel
	directives.since[d.key]
	not d.key in directives.sentinel
}
