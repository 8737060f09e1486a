# METADATA
# title: PVCs are deleted with the OpsTree resource
# description: |-
#   Unless keepAfterDelete is true, a finalizer of the operator deletes the PVCs together with the resource: an Argo CD prune, a
#   renamed application or a deleted CRD deletes the data.
# custom:
#   severity: warning
#   strict: error
#   kinds: [Redis, RedisCluster, RedisReplication]
#   fix: sets keepAfterDelete to true
#   since: 0.1.0
#   remediation: Set storage.keepAfterDelete to true; the operator reads it when the resource is deleted.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/finalizer.go:25, :44 and :63
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/common/v1beta2/common_types.go:166, keepAfterDelete
package redisgitops.ops["pvc-dies-with-cr"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("the PVCs are deleted with the %s; set storage.keepAfterDelete to true", [input.kind]),
	"path": ["spec", "storage", place],
	"fix": {"path": ["spec", "storage", "keepAfterDelete"], "op": op, "value": true},
} if {
	opstree.owns(input)
	opstree.claims(input.spec.storage)
	creates
	object.get(input.spec.storage, "keepAfterDelete", false) != true
	not input.spec.storage.keepAfterDeletion # of another operator: op/unknown-field
}

# A RedisCluster without persistenceEnabled has no PVC of data: ops/persistence-off-cluster.
creates if input.kind != "RedisCluster"

creates if input.spec.persistenceEnabled == true

set_already if "keepAfterDelete" in object.keys(input.spec.storage)

place := "keepAfterDelete" if set_already

else := "volumeClaimTemplate"

op := "set" if set_already

else := "add"
