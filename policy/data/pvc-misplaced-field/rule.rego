# METADATA
# title: A field of the disk in the wrong place
# description: |-
#   What a claim wants stands below persistentVolumeClaim.spec, as in a PersistentVolumeClaim. The API server drops
#   fields in other places without a word: the claim then asks for nothing, or there is none and the data lies in an
#   emptyDir.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Move the field below persistentVolumeClaim.spec; the size is resources.requests.storage there.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/types.go, RedisStorage and EmbeddedPersistentVolumeClaim
package redisgitops.data["pvc-misplaced-field"]

deny contains {
	"message": sprintf("\"%s\" is dropped here; %s", [key, hint(key)]),
	"path": array.concat(place, [key]),
	"key": true,
} if {
	some place in places
	value := object.get(input, place, null)
	is_object(value)
	some key in object.keys(value) & misplaced
	not key in right[count(place)]
}

places := [
	["spec", "redis", "storage"],
	["spec", "redis", "storage", "persistentVolumeClaim"],
	["spec", "redis", "storage", "persistentVolumeClaim", "spec"],
]

misplaced := {
	"accessMode", "accessModes", "claimName", "resources", "size", "spec", "storage", "storageClass", "storageClassName",
	"volumeClaimTemplate", "volumeMode", "volumeName",
}

right := {3: set(), 4: {"spec"}, 5: {"accessModes", "resources", "storageClassName", "volumeMode", "volumeName"}}

hint(key) := "every Redis gets a claim of its own, so write what it asks for below persistentVolumeClaim.spec" if {
	key == "claimName"
} else := "write persistentVolumeClaim.spec.resources.requests.storage" if {
	key in {"size", "storage"}
} else := "write persistentVolumeClaim.spec.accessModes, a list" if {
	key == "accessMode"
} else := "write persistentVolumeClaim.spec.storageClassName" if {
	key == "storageClass"
} else := "write persistentVolumeClaim with metadata and spec" if {
	key in {"spec", "volumeClaimTemplate"}
} else := sprintf("move it to persistentVolumeClaim.spec.%s", [key])
