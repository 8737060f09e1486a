# METADATA
# title: Redis evicts Sidekiq jobs
# description: |-
#   When the memory is full, every policy except noeviction deletes keys, and with them jobs, retries and schedules,
#   without a trace. With noeviction, enqueuing a job fails instead, and the application notices.
# custom:
#   scope: repository
#   fix: 'suggested: sets noeviction'
#   since: 0.1.0
#   remediation: Set maxmemory-policy to noeviction, and use a separate Redis for caches.
#   references:
#     - Sidekiq wiki, Using Redis
#     - HashiCorp Terraform Enterprise support, article 40809186329235 (jobs lost by an eviction policy)
package redisgitops.rails["sidekiq-evicts"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.rails
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("Sidekiq stores its jobs in \"%s\", but %s evicts them when memory is full; use noeviction", [redis.name, p.value]),
	"resource": redis.resource,
	"path": p.path,
	"related": [{"resource": use.reference.resource, "path": use.reference.path, "message": "used by Sidekiq here"}],
	"fix": {"path": p.path, "op": "set", "value": concat("", [p.words, "noeviction"]), "suggested": "when memory is full, Redis then rejects all writes, including those of caches"},
} if {
	some i, uses in rails.queues
	redis := data.repo.redis[i]
	redis.kind == "RedisFailover"
	p := workloads.policy(data.repo.resources[redis.resource].object)
	p.value != "noeviction"
	first := min({[u.reference.resource, u.reference.path] | some u in uses})
	some use in uses
	[use.reference.resource, use.reference.path] == first
}

# Of Redis Enterprise, re/eviction-default reports a policy that is not set.
deny contains {
	"message": sprintf("Sidekiq stores its jobs in \"%s\", but %s evicts them when memory is full; use noeviction", [redis.name, p]),
	"resource": redis.resource,
	"path": path,
	"related": [{"resource": first[0], "path": first[1], "message": "used by Sidekiq here"}],
	"fix": {"path": path, "op": "set", "value": "noeviction", "suggested": "when memory is full, Redis then rejects all writes, including those of caches"},
} if {
	some i, uses in rails.queues
	redis := data.repo.redis[i]
	d := enterprise.redis(data.repo.resources[redis.resource].object)
	p := d.spec.evictionPolicy
	not p in {"", "noeviction"}
	path := array.concat(d.path, ["evictionPolicy"])
	first := min({[u.reference.resource, u.reference.path] | some u in uses})
}
