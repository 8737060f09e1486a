# METADATA
# title: Operator CRD is too large for client-side apply
# description: |-
#   Argo CD stores the last applied configuration in an annotation, which is limited to 256 KiB. The CRD of
#   RedisFailover is larger than 0.8 MB, so a sync fails with "metadata.annotations: Too long".
# custom:
#   scope: repository
#   fix: adds ServerSideApply=true
#   since: 0.1.0
#   remediation: Add ServerSideApply=true to the sync options of the Application that deploys the operator.
#   references:
#     - Argo CD, Server-Side Apply
#     - spotahome/redis-operator 632aa3da manifests/databases.spotahome.com_redisfailovers.yaml, its size
#     - Reclaim the Stack, platform-applications/redis-operator.yaml
package redisgitops.op["crd-needs-server-side-apply"]

import data.redisgitops.lib.operators

deny contains {
	"message": "the CRD of the operator exceeds the annotation size limit of client-side apply; add \"ServerSideApply=true\" to spec.syncPolicy.syncOptions",
	"resource": a.id,
	"path": ["spec", "syncPolicy", "syncOptions"],
	"fix": fix(options),
} if {
	some a in data.repo.resources
	a.kind == "Application"
	deploys(a)
	options := object.get(a.object, ["spec", "syncPolicy", "syncOptions"], [])
	count({o | some o in options; lower(o) in {"serversideapply=true", "replace=true"}}) == 0
}

fix([]) := {"path": ["spec", "syncPolicy", "syncOptions"], "op": "add", "value": ["ServerSideApply=true"]}

fix(options) := {"path": ["spec", "syncPolicy", "syncOptions", "-"], "op": "add", "value": "ServerSideApply=true"} if count(options) > 0

deploys(a) if a.id in with_crds

with_crds := {r.resource | some r in operators.references; not r.skips_crds}

deploys(a) if {
	some s in operators.sources(a.object)
	trim(s.source.path, "./") in folders
}

folders := {r.dir | some r in operators.references; r.dir != ""} | {r.unit |
	some r in data.repo.resources
	r.kind == "CustomResourceDefinition"
	r.name == "redisfailovers.databases.spotahome.com"
}
