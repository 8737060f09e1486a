# METADATA
# title: bootstrapNode.port differs from the Redis port
# description: |-
#   To make a Redis follow the source, the operator dials the Redis itself, but at the port of the source. Where the two
#   differ, it reaches nothing, and no data is ever copied.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Set spec.redis.port to the port of the source for as long as the copying lasts.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/498
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, MakeSlaveOfWithPort
package redisgitops.data["bootstrap-port-differs"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the source listens at %s and Redis here at %d, but the operator dials both at the port of the source; give both the same port", [source, redisfailover.port(input)]),
	"path": ["spec", "bootstrapNode", "port"],
} if {
	redisfailover.bootstrapping(input)
	source := sprintf("%v", [object.get(input.spec.bootstrapNode, "port", 6379)])
	source != sprintf("%v", [redisfailover.port(input)])
}
