# Where the repository installs the operator of RedisFailovers.
package redisgitops.lib.operators

import data.redisgitops.lib.group

# references are the places that name it: {"resource" or "file" and "document", "path", "owner", "version", "chart": bool, …}; the
# path is that of the version where there is one.
references := array.concat(array.concat(manifests, helm_charts), array.concat(applications, releases))

# manifests of a kustomization, such as github.com/spotahome/redis-operator/manifests/kustomize/overlays/default?ref=v1.2.4.
manifests := [r |
	some d in data.repo.documents
	d.type == "kustomization"
	some list in ["resources", "bases"]
	some i, text in d.data[list]
	is_string(text)
	[m] := regex.find_all_string_submatch_n(`github(?:usercontent)?\.com[/:]([^/]+)/redis-operator(?:\.git)?/.*?(?:[?&]ref=([^&]*))?$`, text, 1)
	r := {
		"file": d.file, "document": d.document, "path": [list, i], "owner": m[1], "version": trim_prefix(m[2], "v"),
		"chart": false, "dir": directory(d.file), "skips_crds": false,
	}
]

helm_charts := [r |
	some d in data.repo.documents
	[list, at] := {"kustomization": ["helmCharts", "version"], "chart": ["dependencies", "version"]}[d.type]
	some i, entry in d.data[list]
	entry.name == "redis-operator"
	owner := owner_of(object.get(entry, "repo", object.get(entry, "repository", "")))
	r := {
		"file": d.file, "document": d.document, "path": [list, i, at], "owner": owner, "version": version(object.get(entry, "version", "")),
		"chart": true, "dir": directory(d.file), "skips_crds": false,
	}
]

applications := [r |
	some a in data.repo.resources
	a.kind == "Application"
	some s in sources(a.object)
	s.source.chart == "redis-operator"
	r := {
		"resource": a.id, "path": array.concat(s.path, ["targetRevision"]), "owner": owner_of(object.get(s.source, "repoURL", "")),
		"version": version(object.get(s.source, "targetRevision", "")), "chart": true, "dir": "",
		"skips_crds": object.get(s.source, ["helm", "skipCrds"], false) == true,
	}
]

releases := [r |
	some h in data.repo.resources
	h.kind == "HelmRelease"
	spec := h.object.spec.chart.spec
	spec.chart == "redis-operator"
	r := {
		"resource": h.id, "path": ["spec", "chart", "spec", "version"], "version": version(object.get(spec, "version", "")),
		"owner": concat("", [o | o := repositories[object.get(spec, ["sourceRef", "name"], "")]]), "chart": true, "dir": "",
		"skips_crds": object.get(h.object, ["spec", "install", "crds"], "Create") == "Skip",
	}
]

# repositories are the owners of charts by the name of a HelmRepository, where these agree.
repositories := {name: owner |
	some name, owners in repository_owners
	count(owners) == 1
	some owner in owners
}

repository_owners := group.by([[r.name, owner_of(r.object.spec.url)] |
	some r in data.repo.resources
	r.kind == "HelmRepository"
	is_string(r.object.spec.url)
])

owner_of(url) := m[1] if {
	[m] := regex.find_all_string_submatch_n(`(?:https?|oci)://([^./]+)\.github\.io/`, url, 1)
} else := m[1] if {
	[m] := regex.find_all_string_submatch_n(`(?:github\.com|ghcr\.io)/([^/]+)/`, url, 1)
} else := ""

version(v) := trim_prefix(v, "v") if is_string(v)

version(v) := sprintf("%v", [v]) if is_number(v)

# sources of an Application of Argo CD: {"path", "source"}.
sources(object) := array.concat(
	[{"path": ["spec", "source"], "source": s} | s := object.spec.source; is_object(s)],
	[{"path": ["spec", "sources", i], "source": s} | some i, s in object.spec.sources; is_object(s)],
)

directory(file) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(file, "/")

# place is where a reference stands, as a violation has it.
place(r) := object.filter(r, ["resource", "file", "document", "path"])
