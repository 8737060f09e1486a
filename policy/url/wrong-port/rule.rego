# METADATA
# title: URL has a port that nothing listens on
# description: |-
#   Redis listens on spec.redis.port, 6379 by default, and sentinels on 26379. Connections to other ports are
#   refused.
# custom:
#   scope: repository
#   fix: sets the port of the Service
#   since: 0.1.0
#   remediation: Use the port of the Service.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/defaults.go:9, defaultRedisPort
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:48, generateSentinelService
package redisgitops.url["wrong-port"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains object.union(
	{
		"message": sprintf("\"%s\" listens on port %s, not %d; %s", [host.service, listed(ports), asked, advice]),
		"resource": reference.resource,
		"path": reference.path,
	},
	fix,
) if {
	some reference in url.references
	some host in reference.hosts
	host.pod == ""
	not startswith(host.service, "rfr-") # of url/rfr-service
	asked := asks(reference, host)
	ports := {p | some e in services.behind(host.service, host.namespace); some p in e.ports}
	count(ports) > 0
	not asked in ports
	[advice, fix] := answer(reference, host, ports)
}

# A port alone does not make sentinels out of Redis, nor Redis out of sentinels: clients speak to them in different ways.
answer(reference, host, ports) := [url.instead(host), {}] if {
	not url.sentinel(reference)
	leads_to_sentinels(host)
} else := [sprintf("use the host of the sentinels, or redis:// with \"%s\"", [corrected(host, ports)]), {}] if {
	url.sentinel(reference)
	not leads_to_sentinels(host)
} else := [sprintf("use port %s", [listed(ports)]), {}] if {
	reference.bare # the port may be in a variable of its own
	not contains(reference.text, ":")
} else := [sprintf("use \"%s\"", [corrected(host, ports)]), {"fix": object.union(
	url.replaced(reference, url.with_host(reference, host, corrected(host, ports))),
	choice(ports),
)}]

leads_to_sentinels(host) if {
	some e in services.behind(host.service, host.namespace)
	e.role == "sentinels"
}

choice(ports) := {"suggested": "it has several ports, and the lowest one is a guess"} if count(ports) > 1

else := {}

asks(_, host) := host.port if host.port != 0

asks(reference, host) := default_ports[reference.scheme] if host.port == 0

default_ports := {
	"redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379,
	"redis-sentinel": 26379, "redis-sentinels": 26379, "redis+sentinel": 26379, "rediss+sentinel": 26379, "sentinel": 26379,
}

listed(ports) := concat(" and ", [sprintf("%d", [p]) | some p in sort(ports)])

corrected(host, ports) := sprintf("%s:%d", [split(host.text, ":")[0], min(ports)])
