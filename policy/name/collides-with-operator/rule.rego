# METADATA
# title: Object name conflicts with one that the operator creates
# description: |-
#   The operator writes its own content to Services and ConfigMaps named rfr-<name>, rfs-<name> and so on, on every
#   reconcile, and deletes the Service rfr-<name> while the exporter is off. Argo CD and Flux keep writing theirs
#   back.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Rename the object.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/names.go:10-47
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/client.go:162, EnsureNotPresentRedisService
package redisgitops.name["collides-with-operator"]

import data.redisgitops.lib.group
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("the operator creates the %s \"%s\" for the Redis \"%s\", and overwrites or deletes this one; rename it", [r.kind, r.name, redis.name]),
	"resource": r.id,
	"path": ["metadata", "name"],
	"related": [{"resource": redis.resource, "path": ["metadata", "name"], "message": "the Redis"}],
} if {
	some r in data.repo.resources
	regex.match(`^rf[rs]`, r.name) # as all that the operator makes; the index is made for these alone
	some i in by_name[[r.kind, r.name]]
	redis := data.repo.redis[i]
	services.same_namespace(redis.namespace, r.namespace)
	r.id != redis.resource
}

made := group.by([[[o.kind, o.name], i] |
	some i, redis in data.repo.redis
	redis.kind == "RedisFailover"
	some o in redis.objects
])

# The whole index at once: made[key] alone would iterate over all Redis instances for each key.
by_name := made
