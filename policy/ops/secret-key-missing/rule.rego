# METADATA
# title: redisSecret lacks the name or the key
# description: |-
#   The operator reads both without a check and crashes if one is missing. It restarts and crashes again: none of its
#   resources, in any namespace, is reconciled. There is no default key.
# custom:
#   scope: repository
#   fix: adds the only key of the Secret in the repository
#   since: 0.1.0
#   remediation: Set redisSecret.name and redisSecret.key.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/common/v1beta2/common_types.go:133-136, ExistingPasswordSecret
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:884-886 and :1071-1083
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:141-143, buildSentinelEnv
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/286
package redisgitops.ops["secret-key-missing"]

import data.redisgitops.lib.opstree
import data.redisgitops.lib.secrets

deny contains object.union(fix(r, at, field), {
	"message": sprintf("redisSecret has no %s, which crashes the operator for all its resources; set it", [field]),
	"resource": r.id,
	"path": array.concat(at, [field]),
}) if {
	some r in opstree.all
	some at in places(r.object)
	secret := object.get(r.object, at, null)
	is_object(secret)
	some field in ["name", "key"]
	object.get(secret, field, null) == null
}

places(resource) := [["spec", "kubernetesConfig", "redisSecret"]] if not opstree.embedded(resource)

else := [["spec", "kubernetesConfig", "redisSecret"], ["spec", "sentinel", "redisSecret"]]

fix(r, at, "key") := {"fix": {"path": array.concat(at, ["key"]), "op": op(r.object, at), "value": key}} if {
	name := object.get(r.object, array.concat(at, ["name"]), "")
	[p] := secrets.of_name(r, name)
	p.complete
	[key] := [k | some k, _ in p.keys]
} else := {}

fix(_, _, "name") := {}

op(resource, at) := "set" if "key" in object.keys(object.get(resource, at, {}))

else := "add"
