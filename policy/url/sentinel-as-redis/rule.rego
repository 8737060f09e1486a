# METADATA
# title: Sentinel Service is used with a redis:// URL
# description: |-
#   A client with a redis:// URL sends Redis commands to the sentinel: GET and SET fail with "ERR unknown command".
#   Clients that support Sentinel need redis-sentinel:// or a list of hosts.
# custom:
#   severity: warning
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Use the URL of the master Service: one that selects redisfailovers-role: master, or rfrm-<name> since operator
#     1.3.0. A client that supports Sentinel uses redis-sentinel://rfs-<name>.<namespace>.svc:26379/mymaster instead.
#   references:
#     - Redis sentinel.c sentinelcmds
package redisgitops.url["sentinel-as-redis"]

import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" is a Sentinel Service, not a Redis; %s", [host.text, url.instead(host)]),
	"resource": reference.resource,
	"path": reference.path,
} if {
	some reference in url.references
	reference.scheme in {"redis", "rediss", "valkey", "valkeys"}
	some host in reference.hosts
	sentinel(host)
}

sentinel(host) if {
	host.port == 26379
	not url.no_service(host) # url/unknown-host reports it
}

sentinel(host) if {
	startswith(host.service, "rfs-")
	host.port in {0, 26379}
}
