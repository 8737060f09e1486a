# METADATA
# title: Sentinels reject a bootstrapNode.host that is not an IP
# description: |-
#   With bootstrapNode.allowSentinels, the operator points the sentinels to the source on every reconcile: SENTINEL
#   REMOVE, then SENTINEL MONITOR with the host unchanged. Unless resolve-hostnames is on, a sentinel rejects host
#   names and then monitors nothing, and the operator stops reconciling. Redis itself accepts host names, so any host
#   works without allowSentinels. Without a host the operator rejects the resource.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Set host to the IP address of the source, or remove allowSentinels.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/checker.go, checkAndHealBootstrapMode
#     - spotahome/redis-operator v1.2.4 and 632aa3da service/redis/client.go, MonitorRedisWithPort
#     - spotahome/redis-operator v1.2.4 and 632aa3da api/redisfailover/v1/validate.go
#     - redis/redis 7.0 src/sentinel.c, sentinelCommand (monitor) and createSentinelAddr; sentinel.conf, resolve-hostnames
package redisgitops.data["bootstrap-host-not-ip"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "bootstrapNode has no host, so the operator rejects the resource; set it to the IP address of the source",
	"path": ["spec", "bootstrapNode", "host"],
} if {
	redisfailover.bootstrapping(input)
	host == ""
}

deny contains {
	"message": sprintf("sentinels reject the host %q, which is not an IP address; use the IP address of the source, or remove allowSentinels", [host]),
	"path": ["spec", "bootstrapNode", "host"],
} if {
	redisfailover.bootstrapping(input)
	redisfailover.sentinels(input)
	is_string(host)
	host != ""
	not address(host)
	not resolves
}

host := object.get(input.spec.bootstrapNode, "host", "")

address(text) if {
	regex.match(`^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.|$)){4}$`, text)
	not endswith(text, ".")
}

# IPv6; what is wrong inside of one is left to the API of the sentinels.
address(text) if regex.match(`^[0-9a-fA-F]*:[0-9a-fA-F:.]+$`, text)

# resolves: the sentinels are started with resolve-hostnames.
resolves if {
	some word in input.spec.sentinel.command
	contains(word, "resolve-hostnames")
}
