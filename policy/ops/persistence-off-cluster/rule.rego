# METADATA
# title: RedisCluster does not persist what it seems to
# description: |-
#   A RedisCluster creates the PVCs of storage only with persistenceEnabled: true. Otherwise the data is in the container
#   and lost whenever it restarts. Without nodeConfVolume, nodes.conf is lost too: a restarted pod has a new node ID, no
#   slots and no followers, so the cluster counts the old node as failed.
# custom:
#   severity: error
#   kinds: [RedisCluster]
#   since: 0.1.0
#   remediation: |-
#     Set persistenceEnabled and storage.nodeConfVolume to true, with nodeConfVolumeClaimTemplate. The volumes of an
#     existing StatefulSet cannot change: recreate it, for example with the annotations
#     redis.opstreelabs.in/recreate-statefulset and recreate-statefulset-strategy (orphan).
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-cluster.go:224-228, generateRedisClusterContainerParams
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:356-362, generateStatefulSetsDef
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/rediscluster/v1beta2/rediscluster_types.go:69-71, nodeConfVolume
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/409
package redisgitops.ops["persistence-off-cluster"]

import data.redisgitops.lib.opstree

deny contains {
	"message": "persistenceEnabled is not true, so the operator creates no PVC from storage and the data is lost with the container; set it to true",
	"path": ["spec", place],
} if {
	opstree.owns(input)
	opstree.claims(input.spec.storage)
	not enabled
}

deny contains {
	"message": "nodes.conf is not on a volume, so a restarted pod returns as a new node without slots; set storage.nodeConfVolume to true",
	"path": ["spec", "storage", "nodeConfVolume"],
	"severity": "warning",
} if {
	opstree.owns(input)
	opstree.claims(input.spec.storage)
	enabled
	object.get(input.spec.storage, "nodeConfVolume", false) != true
}

enabled if input.spec.persistenceEnabled == true

place := "persistenceEnabled" if object.get(input, ["spec", "persistenceEnabled"], null) != null

else := "storage"
