# METADATA
# title: Resource values are nested under another resource
# description: |-
#   The generator of Reclaim the Stack indents its values by two spaces. In a file that uses four, the existing
#   resource becomes part of the new one: the YAML is valid, but the templates no longer find the values.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Move the resource out, to the indentation of the others.
#   references:
#     - Reclaim the Stack, k generate resource
package redisgitops.val["resource-nested"]

deny contains {
	"message": sprintf("%s is nested under resources.%s %s", [name, outer, reason(name, read)]),
	"file": file.file,
	"document": file.document,
	"path": ["resources", outer, name],
	"key": true,
} if {
	some a in data.repo.applications
	a.kind == "chart"
	some file in a.values
	some outer, resource in file.data.resources
	is_object(resource)
	some name, value in resource
	is_object(value)
	not ["resources", outer, name] in a.read
	read := {p[1] | some p in a.read; p[0] == "resources"; count(p) > 1}
	nested(name, value, resource, read)
}

reason(name, read) := sprintf("but the template reads resources.%s; move it up", [name]) if {
	name in read
} else := sprintf("but looks like a separate resource; move it to resources.%s", [name])

nested(name, _, _, read) if name in read

# Without its template: what has a size and copies of its own is a resource.
nested(_, value, resource, _) if {
	some key in ["replicas", "sentinels", "instances"]
	value[key]
	value.memory
	resource.memory
}
