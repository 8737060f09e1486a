# METADATA
# title: Configured operator is not the one installed
# description: |-
#   Fields, Services and names are those of the operator that .redis-gitops.yaml names. Where the repository installs another
#   one, rules and addresses are about an operator that does not run.
# custom:
#   severity: warning
#   scope: repository
#   once: repository
#   since: 0.2.0
#   remediation: Set operator.name to the operator that the repository installs, or install the one that it names.
#   references:
#     - https://argo-cd.readthedocs.io/en/stable/user-guide/application_sources/
#     - https://fluxcd.io/flux/components/helm/helmreleases/
package redisgitops.op["operator-differs"]

import data.redisgitops.lib.operators

deny contains {
	"message": sprintf("the repository installs the operator \"%s\", but operator.name is \"%s\"; set it to \"%s\", or install that operator", [o.operator, data.settings.operator.name, o.operator]),
	"file": ".redis-gitops.yaml",
	"document": 0,
	"path": ["operator", "name"],
	"related": [object.union(operators.place(o), {"message": "the operator"})],
} if {
	data.settings.operator.named
	o := others[0]
	count(others) == count(operators.of_redisfailovers)
}

others := [o |
	some o in operators.of_redisfailovers
	not o.operator in {"", data.settings.operator.name}
]
