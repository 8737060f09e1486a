# The ConfigMaps and Secrets that kustomize renames: generated ones get a hash, all objects of a kustomization a prefix or
# suffix.
package redisgitops.lib.generated

import data.redisgitops.lib.group
import data.redisgitops.lib.secrets

# The name with hash of an object that a resource refers to without the hash; undefined if an object without hash exists, or
# none at all.
name(r, kind, text) := made if {
	not [kind, text, r.unit] in known
	names := hashed[[kind, text, r.unit, r.set]]
	count(names) == 1
	some made in names
}

# What a kustomization makes of a name that a resource refers to: {"name", "affix": namePrefix or nameSuffix, "file",
# "document"}. The name may have a hash as well.
affixed(r, kind, text) := found[0] if {
	not [kind, text, r.unit] in known
	found := sort([{"name": made, "affix": a.affix, "file": a.file, "document": a.document} |
		some a in sort(object.get(affixes, r.unit, set()))
		full := wrapped(a, text)
		some made in object.get(bare, [[kind, full, r.unit, r.set]], set())
	])
	count(found) > 0
}

wrapped(a, text) := concat("", [a.text, text]) if a.affix == "namePrefix"

wrapped(a, text) := concat("", [text, a.text]) if a.affix == "nameSuffix"

affixes := group.by([[directory(d.file), {"file": d.file, "document": d.document, "affix": affix, "text": text}] |
	some d in data.repo.documents
	d.type == "kustomization"
	some affix in ["namePrefix", "nameSuffix"]
	text := object.get(d.data, affix, "")
	is_string(text)
	text != ""
])

directory(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")

# The names of all objects, each also without its hash.
bare := group.by(array.concat(
	[[[o.kind, o.name, o.unit, o.set], o.name] | some o in objects],
	[[key, name] | some key, names in hashed; some name in names],
))

# Kubernetes kinds whose name references kustomize updates (builtinpluginconsts/namereference.go).
updated := {"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"}

# The names with hash by the names without: ten characters of kustomize's alphabet (api/hasher of kustomize v0.21.2).
hashed := group.by([[[r.kind, regex.replace(r.name, `-[a-z0-9]{10}$`, ""), r.unit, r.set], r.name] |
	some r in objects
	regex.match(`-[bcdfghkmt2456789]{10}$`, r.name)
])

known := {[r.kind, r.name, r.unit] | some r in objects}

objects := array.concat(
	[{"kind": r.kind, "name": r.name, "unit": r.unit, "set": r.set} | some r in data.repo.resources; r.kind == "ConfigMap"],
	[{"kind": "Secret", "name": p.name, "unit": p.unit, "set": p.set} | some p in secrets.providers],
)
