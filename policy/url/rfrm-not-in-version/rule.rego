# METADATA
# title: Operator version does not create this Service
# description: |-
#   The Services rfrm-<name> and rfrs-<name> were added in 1.3.0, which was never tagged: images and manifests of
#   v1.2.4, the last release, do not create them.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Add a Service for the master, or install a version that creates it and set operator.version.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/names.go:37-43, GetRedisMasterName and GetRedisSlaveName; v1.2.4 has neither
package redisgitops.url["rfrm-not-in-version"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("operator %s creates no Service \"%s\"; add a Service that selects redisfailovers-role: %s, or use version 1.3.0 or later", [version, host.service, roles[prefix]]),
	"resource": reference.resource,
	"path": reference.path,
	"absent": {"namespace": host.namespace, "name": host.service},
} if {
	some reference in url.references
	some host in reference.hosts
	prefix := substring(host.service, 0, 5)
	roles[prefix]
	some i in services.redis_by_name[substring(host.service, 5, -1)]
	redis := data.repo.redis[i]
	redis.kind == "RedisFailover"
	redis.operator == "spotahome"
	version := redis.version
	[[_, major, minor]] := regex.find_all_string_submatch_n(`^v?([0-9]{1,9})\.([0-9]{1,9})\.[0-9]`, version, 1)
	[to_number(major), to_number(minor)] < [1, 3]
	count(services.behind(host.service, host.namespace)) == 0
}

roles := {"rfrm-": "master", "rfrs-": "slave"}
