# METADATA
# title: URL for writes points to the replicas
# description: |-
#   rfrs-<name> only points to replicas, which reject writes with READONLY. Use it for reads, in a variable named
#   accordingly, such as REDIS_READ_URL.
# custom:
#   severity: warning
#   scope: repository
#   fix: 'suggested: replaces rfrs- by rfrm-'
#   since: 0.1.0
#   remediation: Use rfrm-<name> for writes.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:147, generateRedisSlaveService
package redisgitops.url["rfrs-for-writes"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" points to the replicas, which are read-only; use \"%s\", or rename the variable (containing READ) if it is only read", [host.service, concat("", ["rfrm-", trim_prefix(host.service, "rfrs-")])]),
	"resource": reference.resource,
	"path": reference.path,
	"fix": object.union(
		url.replaced(reference, url.with_host(reference, host, concat("", ["rfrm-", trim_prefix(host.text, "rfrs-")]))),
		{"suggested": "clients that only read should use the replicas"},
	),
} if {
	some reference in url.references
	not regex.match(`(?i)READ|REPLICA|SLAVE|SECONDARY|_RO(_|$)`, reference.name)
	some host in reference.hosts
	startswith(host.service, "rfrs-")
	count(services.behind(host.service, host.namespace)) > 0
}
