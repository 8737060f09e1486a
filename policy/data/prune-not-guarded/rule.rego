# METADATA
# title: Sync can delete the CRD and every Redis with it
# description: |-
#   With prune, everything that leaves the repository is deleted from the cluster. When the operator's kustomization
#   is moved, fails to render or loses a line, its CRD is deleted; Kubernetes then deletes every RedisFailover in the
#   cluster, and their volumes unless keepAfterDeletion is set.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   fix: 'suggested: sets prune to false'
#   remediation: |-
#     Disable prune for the operator, or annotate the CRD with argocd.argoproj.io/sync-options Prune=false (Flux,
#     kustomize.toolkit.fluxcd.io/prune disabled).
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator#cleanup
#     - https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#no-prune-resources
package redisgitops.data["prune-not-guarded"]

import data.redisgitops.lib.operators

deny contains {
	"message": sprintf("%s prunes the CRD of the Redis operator when it is removed from the repository, which deletes all Redis instances; set prune to false", [d.words]),
	"resource": d.resource,
	"path": d.path,
	"fix": {"path": d.path, "op": "set", "value": false, "suggested": "other resources removed from the repository then stay in the cluster, too"},
} if {
	some d in pruning
	d.dir in operator_folders
}

deny contains {
	"message": sprintf("%s prunes the CRD of the Redis operator when it is removed from the repository, which deletes all Redis instances; set prune to false", [d.words]),
	"resource": d.resource,
	"path": d.path,
	"fix": {"path": d.path, "op": "set", "value": false, "suggested": "other resources removed from the repository then stay in the cluster, too"},
} if {
	some d in pruning
	d.resource in with_crds
}

with_crds := {o.resource | some o in operators.references; not o.skips_crds}

# pruning are the deployments that prune: {"resource", "dir", "path", "words"}.
pruning := array.concat(
	[d |
		some r in data.repo.resources
		r.kind == "Application"
		r.object.spec.syncPolicy.automated.prune == true
		not "Prune=false" in object.get(r.object, ["spec", "syncPolicy", "syncOptions"], [])
		some s in operators.sources(r.object)
		d := {
			"resource": r.id, "dir": folder(object.get(s.source, "path", "")), "words": "Argo CD",
			"path": ["spec", "syncPolicy", "automated", "prune"],
		}
	],
	[d |
		some r in data.repo.resources
		r.kind == "Kustomization"
		r.object.spec.prune == true
		d := {"resource": r.id, "dir": folder(object.get(r.object, ["spec", "path"], "")), "words": "Flux", "path": ["spec", "prune"]}
	],
)

folder(path) := trim_suffix(trim_prefix(path, "./"), "/")

operator_folders := {o.dir |
	some o in operators.references
	o.dir != ""
	not guarded(o.file)
} | {r.unit |
	some r in data.repo.resources
	r.kind == "CustomResourceDefinition"
	r.name == "redisfailovers.databases.spotahome.com"
	not annotated(r.object)
}

guarded(file) if file in guards

guards := {d.file |
	some d in data.repo.documents
	d.file in named
	regex.match(`Prune=false|fluxcd\.io/prune`, json.marshal(d.data))
}

annotated(object) if {
	some key, value in object.metadata.annotations
	regex.match(`Prune=false|fluxcd\.io/prune`, sprintf("%s %v", [key, value]))
}

named := {o.file | some o in operators.references}
