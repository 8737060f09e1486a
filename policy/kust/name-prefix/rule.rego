# METADATA
# title: namePrefix breaks references to Redis
# description: |-
#   Kustomize renames the Redis, its Secret, its ConfigMaps and the Services, but updates no name in a field of a custom
#   resource, such as spec.auth.secretPath, no selectors on the operator's labels, and no URLs in environment variables. They keep the old name.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set the full name of the Redis in each overlay with a patch, without a prefix or suffix.
#   references:
#     - Kustomize, namePrefix and the name references of custom resources
#     - spotahome/redis-operator 632aa3da service/k8s/util.go:13, GetRedisPassword
package redisgitops.kust["name-prefix"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.group
import data.redisgitops.lib.references

deny contains {
	"message": sprintf("it renames the Redis to \"%s\", but %s still refers to \"%s\"; use the full name without %s", [r.name, what.words, what.name, affix]),
	"file": d.file,
	"document": d.document,
	"path": [affix],
	"related": [{"resource": what.resource, "path": what.path, "message": "the old name"}],
} if {
	some d in data.repo.documents
	d.type == "kustomization"
	some affix in ["namePrefix", "nameSuffix"]
	text := object.get(d.data, affix, "")
	is_string(text)
	text != ""
	some r in failovers[parent(d.file)]
	some what in broken(r, affix, text)
}

deny contains {
	"message": sprintf("the %s is called \"%s\" by it, and %s still has \"%s\"; name it in full, without %s", [ref.kind, made.name, concat(".", [sprintf("%v", [step]) | some step in ref.path]), ref.name, made.affix]),
	"file": made.file,
	"document": made.document,
	"path": [made.affix],
	"related": [{"resource": ref.resource, "path": ref.path, "message": "the old name"}],
} if {
	count(generated.affixes) > 0
	some ref in references.all
	ref.path != ["spec", "auth", "secretPath"] # reported above
	r := data.repo.resources[ref.resource]
	not r.kind in generated.updated
	made := generated.affixed(r, ref.kind, ref.name)
}

failovers := {key: value | some key, value in each_failovers}

each_failovers := group.by([[r.unit, {"id": r.id, "name": r.name, "namespace": r.namespace}] |
	some r in data.repo.resources
	r.kind == "RedisFailover"
])

plain(name, "namePrefix", text) := trim_prefix(name, text) if startswith(name, text)

plain(name, "nameSuffix", text) := trim_suffix(name, text) if endswith(name, text)

# The Secret of that name is renamed, and the Redis asks for the old one.
broken(r, affix, text) := {{"words": "spec.auth.secretPath", "name": secret, "resource": r.id, "path": ["spec", "auth", "secretPath"]} |
	secret := data.repo.resources[r.id].object.spec.auth.secretPath
	some name in secrets[data.repo.resources[r.id].unit]
	name != secret
	plain(name, affix, text) == secret
} | {{"words": "a selector", "name": old, "resource": s.id, "path": ["spec", "selector", "app.kubernetes.io/name"]} |
	old := plain(r.name, affix, text)
	some s in selectors[old]
	s.unit == data.repo.resources[r.id].unit
}

secrets := {key: value | some key, value in each_secrets}

each_secrets := group.by([[r.unit, r.name] |
	some r in data.repo.resources
	r.kind in {"ExternalSecret", "SealedSecret", "Secret"}
])

selectors := {key: value | some key, value in each_selectors}

each_selectors := group.by([[r.object.spec.selector["app.kubernetes.io/name"], {"id": r.id, "unit": r.unit}] |
	some r in data.repo.resources
	r.kind == "Service"
])

parent(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")
