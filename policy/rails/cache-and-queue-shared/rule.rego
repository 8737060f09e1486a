# METADATA
# title: Rails cache and Sidekiq share a Redis
# description: |-
#   A cache needs eviction and fills the memory, while a queue must not lose a key: with noeviction a full cache
#   blocks the jobs, with any other policy it drops them. Flushing the cache (FLUSHDB) deletes the jobs if both use
#   the same database.
# custom:
#   severity: warning
#   scope: repository
#   since: 0.1.0
#   remediation: Create a second Redis with the profile cache, and use it for the cache.
#   references:
#     - Sidekiq wiki, Using Redis
#     - HashiCorp Terraform Enterprise support, article 40809186329235 (jobs lost by an eviction policy)
package redisgitops.rails["cache-and-queue-shared"]

import data.redisgitops.lib.rails

deny contains {
	"message": sprintf("\"%s\" is used as cache and, by %s, as Sidekiq queue; use a separate Redis for the cache", [redis.name, queue.reference.name]),
	"resource": cache.reference.resource,
	"path": cache.reference.path,
	"related": [{"resource": queue.reference.resource, "path": queue.reference.path, "message": "used by Sidekiq here"}],
} if {
	some i, caches in rails.caches
	some cache in caches
	redis := data.repo.redis[i]
	first := min({[u.reference.resource, u.reference.path] | some u in rails.queues[i]})
	some queue in rails.queues[i]
	[queue.reference.resource, queue.reference.path] == first
}
