# METADATA
# title: customConfig contains an unknown directive
# description: |-
#   The operator applies each entry of customConfig with CONFIG SET on every reconcile and stops at the first entry
#   that Redis rejects, before it rolls out pods and repairs sentinels. A directive that this version of Redis does
#   not know is rejected, so no further change reaches the pods and no lost sentinel is repaired.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Correct the name, or use an image of a version that supports it.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/checker.go:284, applyRedisCustomConfig
#     - spotahome/redis-operator 632aa3da service/redis/client.go:420, getConfigParameters
#     - Redis config.c
#     - Redis sentinel.c, sentinelSetCommand
package redisgitops.config["unknown-directive"]

import data.redisgitops.lib.directives
import data.redisgitops.lib.images
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.words

deny contains violation(d, "redis", "is not a Redis directive") if {
	some d in redisfailover.redis
	is_redis
	not directives.known(d.key, image)
}

deny contains {
	"message": sprintf("%s is not supported by Redis %d.%d of the image \"%s\"; use version %d.%d or later, or remove it", [d.key, floor(version / 100), version % 100, image, floor(since / 100), since % 100]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	is_redis
	since := directives.since[d.key]
	since > 602 # older ones are not distinguished
	version < since
}

deny contains {
	"message": sprintf("%s was removed in Redis %d.%d; remove it", [d.key, floor(until / 100), until % 100]),
	"path": ["spec", "redis", "customConfig", d.index],
} if {
	some d in redisfailover.redis
	is_redis
	until := directives.gone[d.key]
	version >= until
}

deny contains violation(d, "sentinel", "is not a parameter of SENTINEL SET") if {
	some d in redisfailover.sentinel
	not d.key in directives.sentinel
	not directives.since[d.key]
}

violation(d, part, what) := {
	"message": sprintf("%s %s, so the operator stops reconciling; %s", [d.key, what, remedy(near)]),
	"path": ["spec", part, "customConfig", d.index],
} if {
	count(d.words) > 1
	near := words.near(d.key, among[part])
}

among["redis"] := directives.names

among["sentinel"] := directives.sentinel

remedy(near) := sprintf("did you mean %s?", [concat(" or ", array.slice(near, 0, 3))]) if {
	count(near) > 0
} else := "fix or remove it"

image := object.get(input, ["spec", "redis", "image"], images.unset_image)

# Images that are named otherwise may hold a fork with directives of its own.
is_redis if images.of_redis(image)

version := v if {
	v := images.version(image)
	v % 100 != 99
}
