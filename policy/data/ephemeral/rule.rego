# METADATA
# title: Data is lost when the pods restart
# description: |-
#   Without a persistentVolumeClaim the data is stored in an emptyDir, which is deleted with the pod. When all pods
#   are replaced at once, by a node upgrade or a failure, the operator promotes an empty Redis and the others
#   replicate it. For a cache this is acceptable: label it purpose: cache. Without such a label, a maxmemory-policy
#   that evicts any key (allkeys-…) counts as a cache, because every key may be missing anyway.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis]
#   remediation: Add storage.persistentVolumeClaim and keepAfterDeletion, or label a cache with purpose "cache".
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/77
#     - https://github.com/spotahome/redis-operator/issues/97
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisDataVolume
package redisgitops.data.ephemeral

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("data is stored in %s and lost when all pods restart; add %s, or the label purpose: cache if that is acceptable", [stored.lost, shown]),
	"path": place,
} if {
	not kept
	not cache
}

stored := redis.server.data

# A condition per way to keep data.
kept if {
	some c in stored.kept
	redis.holds(c)
}

place := ["spec", "redis", "storage", "emptyDir"] if redis.value(["spec", "redis", "storage", "emptyDir"]) != null

else := stored.field

# The last two steps, as people call the field.
shown := concat(".", array.slice(stored.field, count(stored.field) - 2, count(stored.field)))

purpose := object.get(input, ["metadata", "labels", "purpose"], "")

cache if purpose == "cache"

cache if {
	purpose == ""
	some d in redis.directives
	d.key == "maxmemory-policy"
	startswith(lower(d.value), "allkeys-")
}
