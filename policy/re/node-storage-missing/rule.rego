# METADATA
# title: Redis Enterprise nodes have no persistent volume
# description: |-
#   Nodes store the configuration of the cluster and the files of persistent databases. With persistentSpec.enabled: false
#   a restarted node has neither, and a cluster that lost its quorum cannot be recovered.
# custom:
#   kinds: [RedisEnterpriseCluster]
#   since: 0.1.0
#   remediation: Remove persistentSpec.enabled, which is true by default, or set it to true.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L458
package redisgitops.re["node-storage-missing"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": "the nodes have no persistent volumes, so the cluster and its databases are lost when they restart; set persistentSpec.enabled to true",
	"path": ["spec", "persistentSpec", "enabled"],
} if {
	enterprise.owns(input)
	input.spec.persistentSpec.enabled == false
}
