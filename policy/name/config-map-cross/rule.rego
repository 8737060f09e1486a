# METADATA
# title: Two RedisFailovers share a ConfigMap
# description: |-
#   The operator keeps the shutdown script of the Redis foo in the ConfigMap rfr-s-foo, which is also that of the
#   configuration of a Redis called s-foo; the same goes for readiness-foo. Each loop overwrites one with the other.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Rename one of the two.
#   references:
#     - spotahome/redis-operator operator/redisfailover/service/names.go
package redisgitops.name["config-map-cross"]

import data.redisgitops.lib.services

deny contains {
	"message": sprintf("the ConfigMap \"%s\" is also that of the Redis \"%s\", and the operator overwrites one with the other; rename one", [name, other.name]),
	"resource": redis.resource,
	"path": ["metadata", "name"],
	"related": [{"resource": other.resource, "path": ["metadata", "name"], "message": "the other one"}],
} if {
	some name, owners in made
	count(owners) > 1
	some i in owners
	some j in owners
	redis := data.repo.redis[i]
	other := data.repo.redis[j]
	count(redis.name) > count(other.name)
	services.same_namespace(redis.namespace, other.namespace)
}

made[o.name] contains i if {
	some i, redis in data.repo.redis
	redis.kind == "RedisFailover"
	some o in redis.objects
	o.kind == "ConfigMap"
}
