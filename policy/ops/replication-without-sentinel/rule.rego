# METADATA
# title: RedisReplication has no sentinels
# description: |-
#   The operator itself never promotes a replica while the master is down: without sentinels, writes fail until the pod of
#   the master is back. If it comes back empty, because it has no volume, the replicas copy the empty data set.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: Add a RedisSentinel with this redisReplicationName, or spec.sentinel with size 3.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_controller.go:463-484, reconcileRedis
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/redisreplication/v1beta2/redisreplication_types_helper.go:5-7, EnableSentinel
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/1003
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/513
package redisgitops.ops["replication-without-sentinel"]

import data.redisgitops.lib.opstree

deny contains {
	"message": "no sentinel watches this RedisReplication, so nothing fails over; add a RedisSentinel or spec.sentinel",
	"resource": r.id,
	"path": path(r.object),
	"absent": {"namespace": r.namespace},
} if {
	some r in opstree.of_kind("RedisReplication")
	r.object.spec.clusterSize > 1
	not opstree.embedded(r.object)
	count(opstree.watching(r)) == 0
	not opstree.charts[r.namespace]
	not astray[r.namespace]
}

# astray are the namespaces with sentinels that watch nothing, which ops/sentinel-target-missing reports.
astray := {r.namespace: true |
	some r in opstree.of_kind("RedisSentinel")
	name := object.get(r.object, ["spec", "redisSentinelConfig", "redisReplicationName"], "")
	count(opstree.named("RedisReplication", name, r)) == 0
}

path(resource) := ["spec", "sentinel", "size"] if resource.spec.sentinel.size == 0

else := ["spec", "clusterSize"]
