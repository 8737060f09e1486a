# METADATA
# title: Chart name differs from its directory
# description: |-
#   The names of Redis and its Services are derived from the chart name, but the name of the Argo CD Application
#   and the arguments of commands from the directory name. Generated URLs follow the chart; those that people, or
#   other tools, derive from the directory do not resolve.
# custom:
#   severity: info
#   scope: repository
#   fix: 'suggested: sets the directory name'
#   since: 0.1.0
#   remediation: |-
#     Rename the chart to match its directory. An existing Redis is then recreated under the new name: migrate its
#     data first.
#   references:
#     - Reclaim the Stack, k generate
package redisgitops.name["chart-differs-from-directory"]

deny contains {
	"message": sprintf("the chart is named \"%s\" but its directory \"%s\", so URLs derived from one do not match a Redis named after the other; set name: %s", [a.chart.name, folder, folder]),
	"file": a.chart.file,
	"document": 0,
	"path": ["name"],
	"fix": {"path": ["name"], "op": "set", "value": folder, "suggested": "resources named after the chart are recreated without their data"},
} if {
	some a in data.repo.applications
	a.kind == "chart"
	a.application
	steps := split(a.dir, "/")
	folder := steps[count(steps) - 1]
	folder != a.chart.name
	of_redis[a.dir]
}

# of_redis are the folders that make a Redis: of others the names are nobody's business.
of_redis := {key: value | some key, value in each_of_redis}

each_of_redis[data.repo.resources[redis.resource].unit] if some redis in data.repo.redis
