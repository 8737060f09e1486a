# METADATA
# title: URL points to the metrics Service
# description: |-
#   rfr-<name> is a headless Service for the exporter: it resolves to all Redis pods, and to none while the exporter
#   is off. Writes that reach a replica fail with READONLY, and publish and subscribe only see part of the messages.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use a Service that selects the master, or query the sentinels.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:78, generateRedisService
#     - spotahome/redis-operator 632aa3da operator/redisfailover/ensurer.go:12-18, Ensure
package redisgitops.url["rfr-service"]

import data.redisgitops.lib.group
import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains object.union(
	{
		"message": sprintf("\"%s\" is the operator's metrics Service and selects all pods, but replicas are read-only; %s", [host.service, remedy(host)]),
		"resource": reference.resource,
		"path": reference.path,
	},
	severity(copies(host)),
) if {
	some reference in url.references
	some host in reference.hosts
	host.pod == ""
	startswith(host.service, "rfr-")
	host.port != 9121
	not own(host)
}

# own reports whether the user's own Service of that name leads to the master (name/collides-with-operator reports it).
own(host) if {
	some e in services.behind(host.service, host.namespace)
	e.role == "writes"
}

copies(host) := max(found) if {
	found := [n |
		some i in services.redis_by_name[trim_prefix(host.service, "rfr-")]
		n := object.get(data.repo.resources[data.repo.redis[i].resource].object, ["spec", "redis", "replicas"], 3)
		is_number(n)
	]
	count(found) > 0
} else := 3

severity(1) := {"severity": "warning"}

severity(n) := {} if n != 1

remedy(host) := sprintf("use \"%s\"", [concat("\" or \"", array.slice(masters, 0, 2))]) if {
	masters := sort({name |
		some i in services.redis_by_name[trim_prefix(host.service, "rfr-")]
		some name in leading[i]
	})
	count(masters) > 0
} else := sprintf("add a Service that selects redisfailovers-role: master, or use Sentinel at \"rfs-%s\"", [trim_prefix(host.service, "rfr-")])

# leading are the Services that lead to the master of a Redis.
leading := {key: value | some key, value in each_leading}

each_leading := group.by([[e.redis, name] |
	some name, endpoints in services.ways
	some e in endpoints
	e.role == "writes"
])
