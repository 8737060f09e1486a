# METADATA
# title: bootstrapNode.host is no IPv4 address
# description: |-
#   The operator reads from INFO of each Redis which master it follows, by a pattern of digits and dots, and compares
#   that with host. A name or an IPv6 address never matches: it sends SLAVEOF in every round, and every time the copying
#   begins anew. Without a host the operator refuses the resource.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Write the IPv4 address of the source.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, redisMasterHostREString
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/validate.go
package redisgitops.data["bootstrap-host-not-ip"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("host \"%v\" is no IPv4 address, and the operator understands nothing else; write the address of the source", [host]),
	"path": ["spec", "bootstrapNode", "host"],
} if {
	redisfailover.bootstrapping(input)
	host := object.get(input.spec.bootstrapNode, "host", "")
	not ipv4(host)
}

ipv4(host) if {
	is_string(host)
	regex.match(`^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.|$)){4}$`, host)
	not endswith(host, ".")
}
