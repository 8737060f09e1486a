# METADATA
# title: Redis URL is set twice in one environment
# description: |-
#   If two variables have the same name, the later one silently wins. The generator of Reclaim the Stack adds the
#   REDIS_URL of a second Redis above the first one, so the application keeps using the old one.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use a separate variable for each Redis.
#   references:
#     - Reclaim the Stack, k generate resource
#     - Kubernetes, Define Environment Variables for a Container
package redisgitops.url["duplicate-env"]

import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("%s is set twice and this value is ignored; remove or rename it", [a.name]),
	"resource": c.resource,
	"path": array.concat(c.path, ["env", a.index, "name"]),
	"related": [{"resource": c.resource, "path": array.concat(c.path, ["env", b.index, "name"]), "message": "this entry applies"}],
} if {
	some c in workloads.containers
	not charts[c.unit]
	some [a, b] in pairs(object.get(c.object, "env", []))
}

# The lists of a chart's values: a later list may overwrite an earlier one on purpose, one list never does.
deny contains {
	"message": sprintf("%s is set twice and this value is ignored; remove or rename it", [a.name]),
	"file": v.file,
	"document": v.document,
	"path": array.concat(path, [a.index, "name"]),
	"related": [{"file": v.file, "document": v.document, "path": array.concat(path, [b.index, "name"]), "message": "this entry applies"}],
} if {
	some application in data.repo.applications
	some v in application.values
	is_object(v.data)
	some path in array.concat([["env"]], [["deployments", name, "env"] | some name, _ in object.get(v.data, "deployments", {})])
	some [a, b] in pairs(object.get(v.data, path, []))
}

charts := {key: value | some key, value in each_charts}

each_charts[a.dir] if {
	some a in data.repo.applications
	a.kind == "chart"
}

pairs(env) := [[a, b] |
	is_array(env)
	count({e.name | some e in env}) < count(env)
	some i, first in env
	a := {"index": i, "name": first.name}
	about_redis(first)
	later := [j | some j, e in env; j > i; e.name == a.name]
	count(later) > 0
	b := {"index": max(later)}
]

about_redis(entry) if regex.match(`(?i)REDIS|SENTINEL|VALKEY|SIDEKIQ|CACHE_URL`, entry.name)

about_redis(entry) if regex.match(`^(rediss?|redis-sentinel)://`, entry.value)
