# METADATA
# title: PVC template has no name
# description: |-
#   The operator names the volume after the PVC. Without persistentVolumeClaim.metadata.name both names are empty,
#   which the API server rejects: neither StatefulSet nor Redis is created.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: sets the name redis-data
#   remediation: Set persistentVolumeClaim.metadata.name.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisDataVolumeName
package redisgitops.data["pvc-without-name"]

deny contains {
	"message": "the claim has no name, so the API server rejects the StatefulSet; set persistentVolumeClaim.metadata.name",
	"path": ["spec", "redis", "storage", "persistentVolumeClaim", "metadata", "name"],
	"fix": {"path": ["spec", "redis", "storage", "persistentVolumeClaim", "metadata", "name"], "op": "add", "value": "redis-data"},
} if {
	claim := input.spec.redis.storage.persistentVolumeClaim
	is_object(claim)
	object.get(claim, ["metadata", "name"], "") in {"", null}
}
