# METADATA
# title: No operator is deployed for the RedisFailovers
# description: |-
#   Without an operator that watches its namespace, a RedisFailover has no effect, and nothing reports it: Argo CD
#   shows it as healthy. This repository deploys to the cluster, but not the Redis operator.
# custom:
#   severity: warning
#   scope: repository
#   once: repository
#   remediation: |-
#     Add the operator with the version in .redis-gitops.yaml, like `redis-gitops init` does, or widen
#     --supported-namespaces-regex.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 cmd/utils/flags.go
package redisgitops.ha["operator-missing"]

import data.redisgitops.lib.operators
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.workloads

deny contains {
	"message": "no Redis operator is deployed from this repository; add one (see redis-gitops init), or disable this rule if it is installed elsewhere",
	"resource": r.id,
	"path": ["kind"],
	"absent": {},
} if {
	some r in redisfailover.all
	deploys
	not operator
}

deny contains {
	"message": sprintf("the operator only watches namespaces that match \"%s\", but \"%s\" does not; extend --supported-namespaces-regex", [pattern, r.namespace]),
	"resource": r.id,
	"path": ["metadata", "namespace"],
	"related": [{"resource": d.resource, "path": array.concat(d.path, ["args"]), "message": "the operator"}],
} if {
	some d in deployments
	some word in d.object.args
	[[_, pattern]] := regex.find_all_string_submatch_n(`^--supported-namespaces-regex=(.+)$`, word, 1)
	some r in redisfailover.all
	r.namespace != ""
	not regex.match(pattern, r.namespace)
}

# deploys: the repository has the platform too, not the applications alone.
deploys if {
	some r in data.repo.resources
	r.kind == "Application"
	some s in operators.sources(r.object)
	installs(s.source)
}

deploys if {
	some r in data.repo.resources
	r.kind == "HelmRelease"
	not contains(r.object.spec.chart.spec.chart, "/")
}

installs(source) if is_string(source.chart)

installs(source) if startswith(source.path, "platform/")

operator if count(operators.of_redisfailovers) > 0

operator if count(deployments) > 0

operator if {
	some r in data.repo.resources
	r.kind == "CustomResourceDefinition"
	r.name == "redisfailovers.databases.spotahome.com"
}

deployments := [c |
	some c in workloads.containers
	is_string(c.object.image)
	contains(c.object.image, "redis-operator")
]
