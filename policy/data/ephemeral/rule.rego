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
#   kinds: [RedisFailover]
#   remediation: Add storage.persistentVolumeClaim and keepAfterDeletion, or label a cache with purpose "cache".
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/77
#     - https://github.com/spotahome/redis-operator/issues/97
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisDataVolume
package redisgitops.data.ephemeral

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "data is stored in an emptyDir and lost when all pods restart; add storage.persistentVolumeClaim, or the label purpose: cache if that is acceptable",
	"path": ["spec", "redis", "storage", place],
} if {
	not is_object(object.get(input, ["spec", "redis", "storage", "persistentVolumeClaim"], null))
	not cache
}

place := "emptyDir" if object.get(input, ["spec", "redis", "storage", "emptyDir"], null) != null
else := "persistentVolumeClaim"

purpose := object.get(input, ["metadata", "labels", "purpose"], "")

cache if purpose == "cache"

cache if {
	purpose == ""
	some d in redisfailover.redis
	d.key == "maxmemory-policy"
	startswith(lower(d.value), "allkeys-")
}
