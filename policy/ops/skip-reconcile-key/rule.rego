# METADATA
# title: skip-reconcile annotation has no effect
# description: |-
#   Each kind has its own annotation, in lower case, and only the value "true" counts. With another key or value the operator goes
#   on reconciling a resource that somebody wants left alone, for example during maintenance. The upgrade page of the
#   operator has two of the keys in the wrong case.
# custom:
#   severity: warning
#   kinds: [Redis, RedisCluster, RedisReplication, RedisSentinel]
#   since: 0.1.0
#   remediation: Use the annotation of the kind, such as redisreplication.opstreelabs.in/skip-reconcile, with the value "true".
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/common/skip_reconcile.go:15-20 and :22-55
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/629
package redisgitops.ops["skip-reconcile-key"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("the operator ignores \"%s\" on a %s; use \"%s\"", [key, input.kind, right]),
	"path": ["metadata", "annotations", key],
	"key": true,
} if {
	opstree.owns(input)
	some key, value in input.metadata.annotations
	regex.match(`(?i)opstreelabs\.in/skip-?reconcile$`, key)
	key != right
	value != "false"
}

deny contains {
	"message": sprintf("the operator only skips the resource if the value is \"true\", not \"%v\"; correct or remove it", [value]),
	"path": ["metadata", "annotations", right],
} if {
	opstree.owns(input)
	value := input.metadata.annotations[right]
	not value in {"true", "false", true, false}
}

right := sprintf("%s.opstreelabs.in/skip-reconcile", [lower(input.kind)])
