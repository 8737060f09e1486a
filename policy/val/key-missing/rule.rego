# METADATA
# title: A template reads a value that nobody sets
# description: |-
#   Where the value itself is missing the template writes nothing, an image without a name or 0 copies. Where the map
#   around it is missing rendering ends with nil pointer evaluating interface {}, for the whole application.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set the value, or correct its name in the template.
#   references:
#     - Reclaim the Stack, generators/deployments/other.yaml
#     - Helm, Values Files
package redisgitops.val["key-missing"]

import data.redisgitops.lib.words

deny contains {
	"message": sprintf("no values set %s, which the template reads here; %s", [concat(".", missing), remedy(words.near(missing[count(missing) - 1], siblings(source.set, missing)))]),
	"file": first.file,
	"line": first.line,
	"related": [{"file": r.file, "line": r.line, "message": "and here"} | some r in reads; [r.file, r.line] != [first.file, first.line]],
} if {
	some source in sources
	some missing, reads in unset(source)
	first := at(reads, min({[r.file, r.line, r.column] | some r in reads}))
}

# sources are what reads values: charts, with all their values, and generators, with those that they bring.
sources := array.concat(
	[{"reads": a.reads, "set": {p | some p in a.set}} | some a in data.repo.applications; a.kind == "chart"],
	[{"reads": g.reads, "set": {p | some p in g.set}} | some g in data.repo.generators],
)

# unset gives the reads of a source by the first part of their path that is not set.
unset(source) := {missing: reads |
	some missing in {m | some r in source.reads; m := missed(r, source.set)}
	reads := {r | some r in source.reads; missed(r, source.set) == missing}
}

missed(read, set_paths) := min_prefix if {
	count(read.path) > 0
	not read.guarded
	not read.dynamic
	not read.path[0] in {"global"}
	not read.path in set_paths
	lengths := [n | some n in numbers.range(1, count(read.path)); not array.slice(read.path, 0, n) in set_paths]
	min_prefix := array.slice(read.path, 0, min(lengths))
}

at(reads, [file, line, column]) := r if {
	some r in reads
	[r.file, r.line, r.column] == [file, line, column]
}

siblings(set_paths, missing) := {p[count(p) - 1] |
	some p in set_paths
	count(p) == count(missing)
	array.slice(p, 0, count(p) - 1) == array.slice(missing, 0, count(missing) - 1)
}

remedy(near) := sprintf("did you mean %s?", [concat(" or ", array.slice(near, 0, 3))]) if {
	count(near) > 0
} else := "add it to values.yaml"
