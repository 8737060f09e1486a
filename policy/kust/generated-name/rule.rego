# METADATA
# title: Custom resource keeps the name before kustomize's hash
# description: |-
#   Kustomize appends a hash to the names of generated ConfigMaps and Secrets, and updates the names in the resources of
#   Kubernetes alone. Fields of custom resources, such as a RedisFailover or a HelmRelease, keep the name without the
#   hash, and nothing has that name: the operator stops, or the pods wait for the volume.
# custom:
#   severity: error
#   scope: repository
#   general: true
#   since: 0.1.0
#   remediation: |-
#     Set generatorOptions.disableNameSuffixHash, or name the field under nameReference in a file that configurations lists.
#   references:
#     - kubernetes-sigs/kustomize api/internal/konfig/builtinpluginconsts/namereference.go (the fields that it updates)
#     - kubernetes-sigs/kustomize v0.21.2 api/hasher/hasher.go
#     - https://github.com/kubernetes-sigs/kustomize/blob/master/examples/transformerconfigs/README.md
#     - Flux, HelmRelease, "Values references" with kustomize generators
package redisgitops.kust["generated-name"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.references

deny contains {
	"message": sprintf("kustomize appends a hash to the %s, so its name is %q and not %q, and updates no field of a custom resource; set generatorOptions.disableNameSuffixHash: true, or list the field as a nameReference", [ref.kind, made, ref.name]),
	"resource": ref.resource,
	"path": ref.path,
} if {
	count(generated.hashed) > 0
	some ref in references.all
	r := data.repo.resources[ref.resource]
	not r.kind in generated.updated
	made := generated.name(r, ref.kind, ref.name)
	not apart(r, ref.kind, made)
}

# For kustomize, what names another namespace means another object. A deployer that puts both into one, as Flux does with
# targetNamespace, may be unknown here.
apart(r, kind, made) if {
	some o in data.repo.resources
	[o.kind, o.name, o.unit, o.set] == [kind, made, r.unit, r.set]
	o.namespace != r.namespace
}
