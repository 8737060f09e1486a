# METADATA
# title: Two RedisFailovers share a ConfigMap
# description: |-
#   The operator stores the shutdown script of Redis foo in the ConfigMap rfr-s-foo, which is also the configuration
#   of a Redis named s-foo; the same applies to readiness-foo. Every reconcile overwrites one with the other.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Rename one of the two.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/names.go:10-47
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/constants.go:17-26
package redisgitops.name["config-map-cross"]

import data.redisgitops.lib.group
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("the ConfigMap \"%s\" is also used by the Redis \"%s\", and the operator overwrites one with the other; rename one", [name, other.name]),
	"resource": redis.resource,
	"path": ["metadata", "name"],
	"related": [{"resource": other.resource, "path": ["metadata", "name"], "message": "the other one"}],
} if {
	some name, of in names
	count(of) > 1
	some own in of
	some shorter in of
	count(own) > count(shorter)
	some i in made[[name, own]]
	redis := data.repo.redis[i]
	other := data.repo.redis[first(name, shorter, redis.namespace)]
}

# first of the Redis instances of a name that have the ConfigMap and are in the namespace, or where nobody knows.
first(name, redis, namespace) := min({in_space[[name, redis, space]] | some space in spaces(namespace)})

spaces("") := {"*"}

spaces(namespace) := {namespace, ""} if namespace != ""

# names are those of the Redis instances that have a ConfigMap of a name.
names := group.by([owned | some [owned, _] in config_maps])

in_space := {key: min(found) | some key, found in made_in}

made_in := group.by([[[name, redis, space], i] |
	some [name, redis], found in made
	some i in found
	some space in {data.repo.redis[i].namespace, "*"}
])

made := group.by(config_maps)

config_maps := [[[o.name, redis.name], i] |
	some i, redis in data.repo.redis
	redis.kind == "RedisFailover"
	some o in redis.objects
	o.kind == "ConfigMap"
]
