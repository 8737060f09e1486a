# METADATA
# title: KubeDB rejects a Durable resource without storage
# description: |-
#   The storageType is Durable by default, and then the webhook rejects a resource without storage, or without a size in
#   storage.resources.requests.
# custom:
#   kinds: [Redis, RedisSentinel]
#   since: 0.1.0
#   remediation: Add storage with accessModes and resources.requests.storage.
#   references:
#     - kubedb/apimachinery 104ef573 pkg/validator/validate.go:38-70, ValidateStorage
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:308
package redisgitops.kdb["storage-missing"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("%s is missing for Durable storage, so the webhook rejects the resource; add it", [concat(".", missing)]),
	"path": array.concat(["spec"], missing),
} if {
	kubedb.owns(input)
	is_object(input.spec)
	kubedb.field(input, "storageType", "Durable") == "Durable"
	missing := absent
}

absent := ["storage"] if {
	not is_object(kubedb.field(input, "storage", null))
} else := ["storage", "resources", "requests", "storage"] if {
	object.get(input.spec.storage, ["resources", "requests", "storage"], null) == null
}
