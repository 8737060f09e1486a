# Where the repository installs the operator of RedisFailovers.
package redisgitops.lib.operators

# references are what installs an operator, as the tool recognises it: {"operator", "owner", "perhaps", "kinds", "version", "chart": bool,
# "skips_crds": bool, "group", "namespace", "dir", "path", "resource" or "file" and "document"}. The path is that of the version where
# there is one. "operator" is "" where it can be one of several, and "owner" is who publishes it.
references := data.repo.operators

# of_redisfailovers are those that may look after RedisFailovers.
of_redisfailovers := [r |
	some r in references
	looks_after(r)
]

looks_after(r) if "RedisFailover" in r.kinds

looks_after(r) if r.operator == ""

# sources of an Application of Argo CD: {"path", "source"}.
sources(object) := array.concat(
	[{"path": ["spec", "source"], "source": s} | s := object.spec.source; is_object(s)],
	[{"path": ["spec", "sources", i], "source": s} | some i, s in object.spec.sources; is_object(s)],
)

directory(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")

# place is where a reference stands, as a violation has it.
place(r) := object.filter(r, ["resource", "file", "document", "path"])
