# METADATA
# title: API version v1beta1 was removed
# description: |-
#   The operator's CRDs have had only v1beta2 since version 0.20.0: the API server rejects a resource of v1beta1, and the sync
#   fails. Until 0.19 both versions were served, with a conversion webhook that had to run.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set apiVersion to redis.redis.opstreelabs.in/v1beta2, and check the fields.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 7c91822f, the first commit without v1beta1, in v0.20.0
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 config/crd/bases, one version each
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/837
package redisgitops.ops["api-v1beta1"]

import data.redisgitops.lib.operators
import data.redisgitops.lib.opstree

deny contains {
	"message": "v1beta1 is no longer served since version 0.20.0 of the operator; use redis.redis.opstreelabs.in/v1beta2 and check the fields",
	"resource": r.id,
	"path": ["apiVersion"],
} if {
	some r in opstree.all
	r.apiVersion == "redis.redis.opstreelabs.in/v1beta1"
	not older
}

older if {
	some o in operators.references
	o.operator == "opstree"
	regex.match(`^0\.([0-9]|1[0-9])\.`, o.version)
}
