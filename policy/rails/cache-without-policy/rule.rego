# METADATA
# title: Cache rejects writes when it is full
# description: |-
#   Without maxmemory-policy, Redis uses noeviction: a full cache answers every write with "OOM command not allowed"
#   until it is emptied manually.
# custom:
#   severity: info
#   scope: repository
#   since: 0.1.0
#   remediation: Set maxmemory-policy to allkeys-lru, or another eviction policy.
#   references:
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/1760
package redisgitops.rails["cache-without-policy"]

import data.redisgitops.lib.rails
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("\"%s\" is a cache with maxmemory but without eviction, so writes fail when it is full; set maxmemory-policy allkeys-lru", [redis.name]),
	"resource": redis.resource,
	"path": path,
	"absent": {"namespace": redis.namespace},
	"related": [{"resource": use.reference.resource, "path": use.reference.path, "message": "the cache"}],
} if {
	some i, uses in rails.caches
	not rails.queues[i]
	redis := data.repo.redis[i]
	redis.kind == "RedisFailover"
	object := data.repo.resources[redis.resource].object
	limited(object)
	path := refusing(object)
	first := min({[u.reference.resource, u.reference.path] | some u in uses})
	some use in uses
	[use.reference.resource, use.reference.path] == first
}

limited(object) if {
	some d in redisfailover.directives(workloads.custom(object))
	d.key == "maxmemory"
	d.value != "0"
}

refusing(object) := p.path if {
	p := workloads.policy(object)
	p.value == "noeviction"
}

refusing(object) := ["spec", "redis", "customConfig"] if not workloads.policy(object)
