# METADATA
# title: KubeDB stores the data in an emptyDir
# description: |-
#   With storageType: Ephemeral the data is in an emptyDir, which is deleted with the pod: when all pods are replaced at
#   once, all data is lost, and an empty master can overwrite its replicas. For a cache this is acceptable: label it
#   purpose: cache.
# custom:
#   severity: warning
#   strict: error
#   kinds: [Redis]
#   since: 0.1.0
#   remediation: |-
#     Set storageType to Durable with storage, or label a cache with purpose "cache". The type of an existing Redis cannot
#     be changed.
#   references:
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1/types.go:97, StorageTypeEphemeral
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:187, validateRedisUpdate
package redisgitops.kdb["storage-ephemeral"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": "data is stored in an emptyDir and lost when all pods restart; set storageType: Durable with storage, or the label purpose: cache if that is acceptable",
	"path": ["spec", "storageType"],
} if {
	kubedb.redis(input)
	input.spec.storageType == "Ephemeral"
	not kubedb.cache(input)
}
