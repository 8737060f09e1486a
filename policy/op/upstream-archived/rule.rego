# METADATA
# title: Operator is archived
# description: |-
#   Spotahome's operator works but is unmaintained: issues about data loss and new versions of Kubernetes remain
#   open. Forks continue, each with its own fields and Services.
# custom:
#   severity: "off"
#   strict: info
#   scope: repository
#   once: repository
#   since: 0.1.0
#   remediation: Plan a migration to a maintained fork or another operator.
#   references:
#     - spotahome/redis-operator 632aa3da README.md, the last commit of the code, of 2023-08-21
package redisgitops.op["upstream-archived"]

import data.redisgitops.lib.operators

deny contains object.union(operators.place(r), {"message": "Spotahome's operator is unmaintained (last commit 2023-08-21); plan to move to a fork or another operator, and pin the version until then"}) if {
	some r in operators.references
	r.operator == "spotahome"
}
