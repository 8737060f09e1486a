# METADATA
# title: Field belongs to a different operator fork
# description: |-
#   Several operators share the API group databases.spotahome.com/v1. The CRD of each silently drops fields that only
#   another one supports: Redis then runs without them. The operator is the one that the repository installs, or that
#   operator.name of the configuration names.
# custom:
#   kinds: [RedisFailover]
#   once: repository
#   since: 0.1.0
#   remediation: Remove the field, or install the operator it belongs to.
#   references:
#     - spotahome/redis-operator 632aa3da manifests/databases.spotahome.com_redisfailovers.yaml
#     - powerhome/redis-operator 09099be5 manifests/databases.spotahome.com_redisfailovers.yaml
#     - freshworks-oss/redis-operator 7bf309bf manifests/databases.spotahome.com_redisfailovers.yaml
#     - Saremox/redis-operator 5ca2d8c1 manifests/databases.spotahome.com_redisfailovers.yaml
package redisgitops.op["dialect-mismatch"]

deny contains {
	"message": sprintf("%s is a field of the %s operator, but unknown to %s, so it is dropped; remove it, or install that operator", [field, owner, data.settings.operator.title]),
	"path": path,
	"key": true,
} if {
	some field, owner in data.settings.foreignFields
	path := split(field, ".")
	object.get(input, path, null) != null
}
