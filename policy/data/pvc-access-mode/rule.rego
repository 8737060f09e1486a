# METADATA
# title: Missing or wrong PVC access mode
# description: |-
#   A PVC needs an access mode, or the API server rejects the StatefulSet. ReadWriteMany is what network file systems
#   provide, but each Redis pod has its own volume and shares it with no other; writing snapshots and append-only
#   files over NFS is slow and blocks Redis when the network stalls.
# custom:
#   severity: error
#   kinds: [redis]
#   fix: sets ReadWriteOnce if missing
#   remediation: Set accessModes to [ReadWriteOnce].
#   since: 0.1.0
#   references:
#     - https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/471
package redisgitops.data["pvc-access-mode"]

import data.redisgitops.lib.redis

deny contains {
	"message": "the claim has no access mode, so the API server rejects the StatefulSet; set [ReadWriteOnce]",
	"path": path,
	"fix": {"path": path, "op": "add", "value": ["ReadWriteOnce"]},
} if {
	input.kind == "RedisFailover" # OpsTree's operator adds one
	is_object(input.spec.redis.storage.persistentVolumeClaim)
	path := ["spec", "redis", "storage", "persistentVolumeClaim", "spec", "accessModes"]
	object.get(input, path, null) in ({null, ""} | {[]})
}

deny contains {
	"message": "ReadWriteMany is for shared file systems, but Redis does not share its volume; use ReadWriteOnce",
	"severity": "warning",
	"path": array.concat(claim, ["accessModes", i]),
} if {
	some claim in redis.claims
	some i, "ReadWriteMany" in redis.value(array.concat(claim, ["accessModes"]))
}
