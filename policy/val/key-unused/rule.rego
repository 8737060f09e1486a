# METADATA
# title: Value is not used by any template
# description: |-
#   Changing the value has no effect. Usually the template hard-codes it, or the key is misspelled.
# custom:
#   severity: warning
#   scope: repository
#   general: true
#   since: 0.1.0
#   remediation: Remove the value, or use it in the template.
#   references:
#     - Reclaim the Stack, generators/resources/redis.yaml
package redisgitops.val["key-unused"]

import data.redisgitops.lib.group

deny contains {
	"message": sprintf("%s is not used by any template; remove it, or use .Values.%s", [concat(".", path), concat(".", path)]),
	"file": file.file,
	"document": file.document,
	"path": path,
	"key": true,
} if {
	some a in data.repo.applications
	a.kind == "chart"
	a.application
	count(a.templates) > 0
	some path in a.unread
	not others(path, a)
	not nested(path, a)
	some file in a.values
	is_object(file.data)
	not object.get(file.data, path, null) in [null, {}, []]
}

# What other rules say, and what Helm and the subcharts read.
others(path, _) if path[0] == "global"

# The keys that every application of Reclaim the Stack has from its beginning.
others(path, _) if {
	count(path) == 1
	path[0] in {"deployments", "resources", "env", "envFrom"}
}

others(path, _) if {
	path[0] in {"deployments", "resources"}
	count(path) == 2
}

# Where generate puts them in a chart that has the resources of its containers there.
others(path, a) if {
	path[0] == "databases"
	count(path) < 3
	some file in a.values
	some value in file.data.databases
	value.sentinels
}

# A resource inside another one, which val/resource-nested says.
nested(path, a) if {
	path[0] == "resources"
	count(path) == 3
	some read in a.read
	array.slice(read, 0, 2) == ["resources", path[2]]
}

others(path, a) if path[0] in subcharts[a.chart.file]

subcharts := {key: value | some key, value in each_subcharts}

each_subcharts := group.by([[d.file, name] |
	some d in data.repo.documents
	d.type == "chart"
	some dependency in d.data.dependencies
	name := object.get(dependency, "alias", object.get(dependency, "name", ""))
])
