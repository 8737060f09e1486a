# References to other objects in the resources of the repository: {"resource", "path", "kind", "name", "created"}; created means
# that the operator creates the object if it does not exist.
package redisgitops.lib.references

import data.redisgitops.lib.group
import data.redisgitops.lib.pods
import data.redisgitops.lib.workloads

# The references in fields of operators, of the pods they create, and of Flux and Argo Rollouts. Kustomize updates none of them:
# their kinds are not in its list of name references.
all := array.concat(array.concat(data.repo.references, of_pods), of_delivery)

of_pods := [object.union({"resource": p.resource, "created": false}, f) |
	some p in data.repo.pods
	some f in array.concat(array.concat(volumes(p), environment(p)), names(p))
	f.name != ""
]

volumes(p) := [f |
	some v in pods.items(p, p.volumes)
	some [at, kind] in volume_names
	name := object.get(v.object, at, "")
	object.get(v.object, [at[0], "optional"], false) != true
	f := {"path": array.concat(v.path, at), "kind": kind, "name": name}
]

volume_names := [
	[["secret", "secretName"], "Secret"], [["configMap", "name"], "ConfigMap"],
	[["persistentVolumeClaim", "claimName"], "PersistentVolumeClaim"],
]

environment(p) := [f |
	some e in array.concat(pods.items(p, p.env), [{"path": array.concat(c.path, ["env", i]), "object": entry} |
		some c in pods.items(p, array.concat(p.containers, p.init))
		some i, entry in object.get(c.object, "env", [])
	])
	some field, kind in {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
	ref := e.object.valueFrom[field]
	object.get(ref, "optional", false) != true
	f := {"path": array.concat(e.path, ["valueFrom", field, "name"]), "kind": kind, "name": object.get(ref, "name", "")}
]

names(p) := array.concat(
	[{"path": array.concat(s.path, ["name"]), "kind": "Secret", "name": object.get(s.object, "name", ""), "pull": true} |
		some s in pods.items(p, [path | path := p.at.imagePullSecrets])
	],
	[{"path": p.at[field], "kind": kind, "name": pods.field(p, field)} |
		some field, kind in {"priorityClassName": "PriorityClass", "serviceAccountName": "ServiceAccount"}
		is_string(pods.field(p, field))
	],
)

of_delivery := [{"resource": r.id, "path": array.concat(at, [i, "name"]), "kind": entry.kind, "name": entry.name, "created": true} |
	some r in data.repo.resources
	at := delivery[r.kind]
	list := object.get(r.object, at, [])
	is_array(list)
	some i, entry in list
	is_string(entry.name)
]

delivery := {"HelmRelease": ["spec", "valuesFrom"], "Kustomization": ["spec", "postBuild", "substituteFrom"]}
