# METADATA
# title: values.yaml lacks a key that the generator needs
# description: |-
#   The generator of Reclaim the Stack replaces the lines deployments:, resources: and env:. If one is missing it
#   changes nothing but still prints "Modified values.yaml": the template exists without its values.
# custom:
#   severity: warning
#   scope: repository
#   once: application
#   fix: adds the key with an empty value
#   since: 0.1.0
#   remediation: Add the key with an empty value.
#   references:
#     - Reclaim the Stack, k generate
package redisgitops.val["top-level-missing"]

deny contains {
	"message": sprintf("values.yaml has no %s, so `k generate` silently writes nothing; add \"%s: %s\"", [key, key, empty[key]]),
	"file": file.file,
	"document": file.document,
	"path": [key],
	"fix": {"path": [key], "op": "add", "value": value[key]},
} if {
	count(data.repo.generators) > 0
	some a in data.repo.applications
	a.kind == "chart"
	a.application
	some file in a.values
	file.file == sprintf("%s/values.yaml", [a.dir])
	is_object(file.data)
	generated(file.data)
	some key, _ in empty
	not key in object.keys(file.data)
}

# generated: values of something that a generator makes are there. A chart that "helm create" made has resources too, of its container.
generated(values) if is_object(values.deployments)

generated(values) if {
	some name, value in values.resources
	is_object(value)
	not name in {"claims", "limits", "requests"}
}

empty := {"deployments": "{}", "env": "[]", "envFrom": "[]", "resources": "{}"}

value := {"deployments": {}, "env": [], "envFrom": [], "resources": {}}
