# METADATA
# title: Template reads a value that is not set
# description: |-
#   If the value itself is missing, the template renders nothing, an image without a name, or 0 replicas. If its
#   parent map is missing, rendering fails for the whole application with "nil pointer evaluating interface {}".
# custom:
#   scope: repository
#   general: true
#   since: 0.1.0
#   remediation: Set the value, or correct its name in the template.
#   references:
#     - Reclaim the Stack, generators/deployments/other.yaml
#     - Helm, Values Files
package redisgitops.val["key-missing"]

import data.redisgitops.lib.words

deny contains {
	"message": sprintf("%s is used by the template but not set in any values; %s", [concat(".", unset.path), remedy(words.near(unset.path[count(unset.path) - 1], {s | some s in unset.siblings}))]),
	"file": unset.reads[0].file,
	"line": unset.reads[0].line,
	"related": [{"file": r.file, "line": r.line, "message": "and here"} | some r in unset.reads; [r.file, r.line] != [unset.reads[0].file, unset.reads[0].line]],
} if {
	some source in sources
	some unset in source.unset
}

# sources are what reads values: charts, with all their values, and generators, with those that they bring.
sources := array.concat([a | some a in data.repo.applications; a.kind == "chart"], data.repo.generators)

remedy(near) := sprintf("did you mean %s?", [concat(" or ", array.slice(near, 0, 3))]) if {
	count(near) > 0
} else := "add it to values.yaml"
