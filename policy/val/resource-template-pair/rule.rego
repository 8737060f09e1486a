# METADATA
# title: Values for a resource without a template
# description: |-
#   resources.<name> and templates/<name>.yaml belong together: generate and destroy add and remove both. Values
#   alone create nothing, and a URL for them in the application's environment does not resolve.
# custom:
#   severity: warning
#   scope: repository
#   since: 0.1.0
#   remediation: Generate the template, or remove the values.
#   references:
#     - Reclaim the Stack, k generate resource
package redisgitops.val["resource-template-pair"]

deny contains {
	"message": sprintf("%s.%s is not used by any template; add templates/%s.yaml with generate, or remove the values", [group, name, dashed(name)]),
	"file": file.file,
	"document": file.document,
	"path": [group, name],
	"key": true,
} if {
	some a in data.repo.applications
	a.kind == "chart"
	a.application
	some file in a.values
	some group in ["deployments", "resources", "databases"]
	not [group] in a.read
	not [] in a.read
	some name, value in file.data[group]
	is_object(value)
	generated(group, value)
	not reads(a, group, name)
}

# Under databases, where generate puts what a chart cannot have under resources, may be values of the chart's own.
generated("databases", value) if value.sentinels

generated(group, _) if group != "databases"

reads(a, group, name) if [group, name] in a.read

reads(a, group, name) if {
	some p in a.read
	array.slice(p, 0, 2) == [group, name]
}

dashed(name) := lower(regex.replace(name, "([A-Z])", "-$1"))
