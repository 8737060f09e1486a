# METADATA
# title: Redis Enterprise evicts keys by default
# description: |-
#   Without evictionPolicy a database evicts keys with a TTL when its memory is full (volatile-lru), where Redis itself
#   rejects writes (noeviction). A job queue such as Sidekiq loses jobs by it, without a trace.
# custom:
#   severity: info
#   strict: warning
#   scope: repository
#   since: 0.1.0
#   remediation: Set evictionPolicy to noeviction, or for a cache to allkeys-lru or allkeys-lfu.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L241
#     - Sidekiq wiki, Using Redis
package redisgitops.re["eviction-default"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.rails

deny contains object.union(used(r), {
	"resource": r.id,
	"path": array.concat(d.path, ["evictionPolicy"]),
}) if {
	some r in enterprise.databases
	d := enterprise.redis(r.object)
	object.get(d.spec, "evictionPolicy", "") in {"", null}
}

used(r) := {
	"message": "Sidekiq stores its jobs here, but the default evictionPolicy volatile-lru evicts keys when memory is full; set noeviction",
	"severity": "error",
	"related": [{"resource": first[0], "path": first[1], "message": "used by Sidekiq here"}],
} if {
	first := min(queues[r.id])
} else := {"message": "evictionPolicy is not set, so keys with a TTL are evicted when memory is full (volatile-lru); set noeviction or the policy of a cache"}

# queues are the variables by which Sidekiq reaches a Redis, by the resource of that.
queues := {data.repo.redis[i].resource: {[u.reference.resource, u.reference.path] | some u in uses} | some i, uses in rails.queues}
