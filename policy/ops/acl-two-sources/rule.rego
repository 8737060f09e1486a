# METADATA
# title: ACL has two sources
# description: |-
#   With acl.secret and acl.persistentVolumeClaim the operator adds the volume of the Secret and mounts the one of the PVC, so
#   Kubernetes rejects the StatefulSet and no pod starts. The operator's own check is a webhook that no chart of it installs.
# custom:
#   kinds: [Redis, RedisCluster, RedisReplication]
#   since: 0.1.0
#   remediation: Keep acl.secret, or acl.persistentVolumeClaim with the feature gate GenerateConfigInInitContainer.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:380-399 and :932-945
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/common/v1beta2/common_types.go:297-307, ACLConfig.Validate
package redisgitops.ops["acl-two-sources"]

import data.redisgitops.lib.opstree

deny contains {
	"message": "acl.secret and acl.persistentVolumeClaim exclude each other, and Kubernetes rejects the pods; remove one",
	"path": ["spec", "acl", "persistentVolumeClaim"],
} if {
	opstree.owns(input)
	is_object(input.spec.acl.secret)
	is_string(input.spec.acl.persistentVolumeClaim)
}
