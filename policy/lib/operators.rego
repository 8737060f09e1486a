# How the repository installs the operator of RedisFailovers.
package redisgitops.lib.operators

# Everything that installs an operator, as recognized by the tool: {"operator", "owner", "perhaps", "kinds", "version", "chart":
# bool, "skips_crds": bool, "group", "namespace", "dir", "path", "resource" or "file" and "document"}. "path" is that of the
# version if there is one. "operator" is "" if it can be one of several; "owner" is the publisher.
references := data.repo.operators

# The installations that may reconcile RedisFailovers.
of_redisfailovers := [r |
	some r in references
	looks_after(r)
]

looks_after(r) if "RedisFailover" in r.kinds

looks_after(r) if r.operator == ""

# The sources of an Argo CD Application: {"path", "source"}.
sources(object) := array.concat(
	[{"path": ["spec", "source"], "source": s} | s := object.spec.source; is_object(s)],
	[{"path": ["spec", "sources", i], "source": s} | some i, s in object.spec.sources; is_object(s)],
)

directory(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")

# The location of an installation, in the form of a violation.
place(r) := object.filter(r, ["resource", "file", "document", "path"])
