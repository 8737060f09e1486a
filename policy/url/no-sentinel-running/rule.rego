# METADATA
# title: URL points to sentinels that do not run
# description: |-
#   While spec.bootstrapNode is set without allowSentinels, the operator runs no sentinels; in forks since version 4,
#   sentinels are off unless sentinel.enabled is true. Clients that query them find no master.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use a URL of the master until the sentinels run.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/bootstrapping.go:4-11, SentinelsAllowed
#     - Saremox/redis-operator 5ca2d8c1 api/redisfailover/v1/defaults.go:21-24, DefaultSentinelEnabled
package redisgitops.url["no-sentinel-running"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("the Redis \"%s\" has no sentinels%s; use the URL of the master", [redis.name, why(redis)]),
	"resource": reference.resource,
	"path": reference.path,
	"related": [{"resource": redis.resource, "path": ["spec"], "message": "the Redis"}],
} if {
	some reference in url.references
	some host in reference.hosts
	startswith(host.service, "rfs-")
	some i in services.redis_by_name[trim_prefix(host.service, "rfs-")]
	redis := data.repo.redis[i]
	redis.kind == "RedisFailover"
	services.same_namespace(redis.namespace, host.namespace)
	why(redis)
}

why(redis) := " while spec.bootstrapNode is set" if {
	spec := data.repo.resources[redis.resource].object.spec
	is_object(spec.bootstrapNode)
	object.get(spec.bootstrapNode, "allowSentinels", false) != true
	object.get(spec.bootstrapNode, "enabled", true) != false
} else := ", because sentinel.enabled is not true" if {
	data.repo.resources[redis.resource].object.spec.sentinel.enabled == false
}
