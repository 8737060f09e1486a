# METADATA
# title: Quorum does not fit the number of sentinels
# description: |-
#   The master counts as down when as many sentinels as the quorum agree. With a quorum above their number they never do,
#   so nothing fails over; the default of a RedisSentinel is 2, also with one sentinel. With a quorum of 1 a single
#   sentinel that loses its connection starts a failover. Neither the CRD nor the operator checks the number.
# custom:
#   kinds: [RedisSentinel]
#   since: 0.1.0
#   remediation: Set redisSentinelConfig.quorum to a majority of clusterSize, such as "2" of three sentinels.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/common/v1beta2/common_types.go:254-255, SentinelConfig
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/redissentinel/v1beta2/redissentinel_types.go:10-12, clusterSize
#     - Redis sentinel.c, sentinelCheckObjectivelyDown
package redisgitops.ops["sentinel-quorum"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("quorum %d exceeds the number of sentinels, %d, so nothing fails over; %s", [quorum, size, advice]),
	"path": path,
} if {
	opstree.owns(input)
	quorum > size
}

deny contains {
	"message": sprintf("with a quorum of 1, a single sentinel without connection starts a failover; use \"%d\", a majority of %d", [majority, size]),
	"path": path,
	"severity": "warning",
} if {
	opstree.owns(input)
	quorum == 1
	size > 2
}

deny contains {
	"message": sprintf("\"%s\" is not a quorum, which Sentinel rejects; use \"%d\", a majority of %d", [text, majority, size]),
	"path": path,
} if {
	opstree.owns(input)
	text := input.spec.redisSentinelConfig.quorum
	is_string(text)
	not regex.match(`^0*[1-9][0-9]{0,8}$`, text)
}

# Without redisSentinelConfig the sentinels monitor nothing: ops/sentinel-target-missing.
quorum := to_number(trim_left(text, "0")) if {
	is_object(input.spec.redisSentinelConfig)
	text := object.get(input, ["spec", "redisSentinelConfig", "quorum"], "2")
	is_string(text)
	regex.match(`^0*[1-9][0-9]{0,8}$`, text)
}

size := n if {
	n := object.get(input, ["spec", "clusterSize"], 3)
	is_number(n)
	n > 0
}

majority := floor(size / 2) + 1

advice := sprintf("use \"%d\"", [majority]) if majority > 1

else := "run three sentinels"

path := ["spec", "redisSentinelConfig", "quorum"] if input.spec.redisSentinelConfig.quorum

else := ["spec", "clusterSize"]
