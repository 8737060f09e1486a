# METADATA
# title: SealedSecret was renamed or moved after sealing
# description: |-
#   Unless a wider scope is requested, kubeseal encrypts for one name in one namespace and records both in the
#   template. Under another name or in another namespace the controller cannot decrypt it, and the Secret is never
#   created.
# custom:
#   severity: error
#   scope: repository
#   remediation: Seal it again for the new name and namespace.
#   general: true
#   since: 0.1.0
#   references:
#     - https://github.com/bitnami-labs/sealed-secrets#scopes
#     - bitnami-labs/sealed-secrets v0.36.0 pkg/apis/sealedsecrets/v1alpha1/sealedsecret_expansion.go, Unseal and labelFor
package redisgitops.auth["sealed-scope-mismatch"]

deny contains {
	"message": sprintf("sealed for %s \"%s\" but used for \"%s\", so it cannot be decrypted; seal it again", [field, was, now]),
	"resource": r.id,
	"path": ["metadata", field],
	"related": [{"resource": r.id, "path": ["spec", "template", "metadata", field], "message": "sealed for this"}],
} if {
	some r in data.repo.resources
	r.kind == "SealedSecret"
	some field in scope(object.get(r.object, ["metadata", "annotations"], {}))
	was := object.get(r.object, ["spec", "template", "metadata", field], "")
	now := r[field]
	was != ""
	now != ""
	was != now
}

scope(annotations) := [] if {
	annotations["sealedsecrets.bitnami.com/cluster-wide"] == "true"
} else := ["namespace"] if {
	annotations["sealedsecrets.bitnami.com/namespace-wide"] == "true"
} else := ["name", "namespace"]
