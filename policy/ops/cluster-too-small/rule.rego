# METADATA
# title: RedisCluster has fewer than three leaders
# description: |-
#   clusterSize is the number of leaders (shards), not of pods. Redis Cluster is created with at least three: with two, the
#   operator's cluster creation fails and clients have no slots. A single leader is a cluster without failover, since the other
#   leaders are who elects a follower. The operator's own check is a webhook that no chart of it installs.
# custom:
#   severity: error
#   kinds: [RedisCluster]
#   since: 0.1.0
#   remediation: Set clusterSize, or redisLeader.replicas, to 3 or more; a RedisReplication is enough for one data set.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/rediscluster/v1beta2/rediscluster_types.go:75-83, GetReplicaCounts
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/rediscluster/rediscluster_controller.go:270-281 and :446-463, one leader and "create"
#     - Redis cluster_legacy.c, clusterRequestFailoverAuth and clusterHandleSlaveFailover (the votes of a majority of masters)
package redisgitops.ops["cluster-too-small"]

import data.redisgitops.lib.opstree

deny contains object.union(fault, {"path": path}) if {
	opstree.owns(input)
	fault
}

fault := {"message": "a cluster of 2 leaders cannot be created; use 3 or more"} if leaders == 2

fault := {"message": "a cluster of one leader does not fail over; use 3 or more, or a RedisReplication with sentinels", "severity": "warning"} if leaders == 1

fault := {"message": "a cluster without leaders stores nothing; use 3 or more"} if leaders == 0

leaders := object.get(input, path, null)

path := ["spec", "redisLeader", "replicas"] if is_number(input.spec.redisLeader.replicas)

else := ["spec", "clusterSize"]
