# METADATA
# title: PVC is deleted with the RedisFailover
# description: |-
#   Unless keepAfterDeletion is true, the RedisFailover owns the PVCs: whatever deletes it (an Argo CD prune, a
#   renamed application, a deleted CRD) deletes the data. With keepAfterDeletion the PVCs remain until they are
#   deleted explicitly. A StatefulSet that exists keeps its old volumeClaimTemplates, and its PVCs keep their owner:
#   the operator never changes either.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: sets keepAfterDeletion to true
#   remediation: |-
#     Set storage.keepAfterDeletion to true. Where Redis runs already, also remove the owner from each of its PVCs
#     (kubectl patch pvc NAME --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'), and have the
#     operator create the StatefulSet again, so that PVCs of new replicas have no owner either
#     (kubectl delete statefulset rfr-NAME --cascade=orphan).
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go:388, generateRedisStatefulSet
#     - spotahome/redis-operator v1.2.4 service/k8s/statefulset.go:172, CreateOrUpdateStatefulSet keeps the old volumeClaimTemplates
#     - https://github.com/spotahome/redis-operator#persistence
package redisgitops.data["pvc-dies-with-cr"]

deny contains {
	"message": "the PVCs are deleted with the RedisFailover; set storage.keepAfterDeletion to true, and remove ownerReferences from existing PVCs, which ignore it",
	"path": ["spec", "redis", "storage", place],
	"fix": {"path": ["spec", "redis", "storage", "keepAfterDeletion"], "op": op, "value": true},
} if {
	is_object(input.spec.redis.storage.persistentVolumeClaim)
	object.get(input.spec.redis.storage, "keepAfterDeletion", false) != true
}

set_already if "keepAfterDeletion" in object.keys(input.spec.redis.storage)

place := "keepAfterDeletion" if set_already

else := "persistentVolumeClaim"

op := "set" if set_already

else := "add"
