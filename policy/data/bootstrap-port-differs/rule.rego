# METADATA
# title: bootstrapNode.port differs from the Redis port
# description: |-
#   To make Redis replicate from the source, the operator connects to the Redis pod itself, but on the port of the
#   source. If the ports differ, the connection fails and no data is ever copied.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Set spec.redis.port to the port of the source while copying.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/498
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, MakeSlaveOfWithPort
package redisgitops.data["bootstrap-port-differs"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the source listens on port %s and this Redis on %d, but the operator connects to both on the port of the source; use the same port", [source, redisfailover.port(input)]),
	"path": ["spec", "bootstrapNode", "port"],
} if {
	redisfailover.bootstrapping(input)
	source := sprintf("%v", [object.get(input.spec.bootstrapNode, "port", 6379)])
	source != sprintf("%v", [redisfailover.port(input)])
}
