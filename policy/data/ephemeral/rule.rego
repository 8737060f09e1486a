# METADATA
# title: Data is lost when the pods restart
# description: |-
#   Without a persistentVolumeClaim the data is stored in an emptyDir, which is deleted with the pod. When all pods
#   are replaced at once, by a node upgrade or a failure, the operator promotes an empty Redis and the others
#   replicate it. For a cache this is acceptable: label it purpose: cache. Without such a label, a maxmemory-policy
#   that evicts any key (allkeys-…) counts as a cache, because every key may be missing anyway. A volume alone keeps
#   nothing: with save "" and without appendonly, Redis never writes to it, also not when it stops.
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
#     - redis/redis 7.0 src/config.c, loadServerConfigFromString; src/server.c, finishShutdown
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/agent/bootstrap/redis/config.go:135-140
package redisgitops.data.ephemeral

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("data is stored in %s and lost when all pods restart; add %s, or the label purpose: cache if that is acceptable", [stored.lost, shown]),
	"path": place,
} if {
	not kept
	not cache
}

deny contains {
	"message": "neither snapshots nor the append-only file are on, so the volume stays empty and a restart loses all data; remove this, set appendonly yes, or add the label purpose: cache",
	"path": off.path,
} if {
	kept
	not cache
	not redis.hidden
	input.kind != "RedisFailover" # whose shutdown script saves
	off := redis.last("save")
	off.value in redis.never
	not logs
}

logs if lower(redis.last("appendonly").value) == "yes"

# The operator enables it with the volume.
logs if {
	redis.server.config.percent
	not redis.last("appendonly")
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
