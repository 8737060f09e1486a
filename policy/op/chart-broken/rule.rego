# METADATA
# title: This version of the operator chart cannot be installed
# description: |-
#   The chart redis-operator 3.3.0, which is also its latest version, contains a CRD that the API server rejects: the
#   operator is installed without its CRD, or not at all.
# custom:
#   scope: repository
#   fix: 'suggested: sets 3.2.9'
#   since: 0.1.0
#   remediation: Use version 3.2.9 of the chart.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/651
#     - https://github.com/spotahome/redis-operator/issues/655
#     - https://github.com/spotahome/redis-operator/issues/656
package redisgitops.op["chart-broken"]

import data.redisgitops.lib.operators

deny contains object.union(operators.place(r), {
	"message": sprintf("the CRD in chart redis-operator %s cannot be applied; use 3.2.9", [words(r.version)]),
	"fix": {"path": r.path, "op": "add", "value": "3.2.9", "suggested": "it changes the version of the running operator"},
}) if {
	some r in operators.references
	r.chart
	r.operator in {"spotahome", ""}
	r.owner in {"spotahome", ""}
	not r.skips_crds
	regex.match(`^($|\*|latest|[~^]?3\.3(\.|$)|\^3|3(\.x|\.\*)?$|>)`, r.version)
}

words("") := "without a version, which is 3.3.0,"

words(v) := v if v != ""
