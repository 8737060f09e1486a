# METADATA
# title: RedisFailover lacks the operator's group label
# description: |-
#   Since 3.3, the operator of freshworks-oss only watches RedisFailovers whose label
#   redis-failover.freshworks.com/operator-group matches its OPERATOR_GROUP_ID. It ignores one without this label,
#   without an event or an error.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set the label to the OPERATOR_GROUP_ID of the operator.
#   references:
#     - freshworks-oss/redis-operator 7bf309bf operator/redisfailover/factory.go:30 and :73-96
package redisgitops.op["group-label-missing"]

import data.redisgitops.lib.operators

deny contains {
	"message": sprintf("the %s operator ignores it without the label %s; set it to the operator's OPERATOR_GROUP_ID", [installed[0].owner, label]),
	"resource": r.id,
	"path": ["metadata", "labels", label],
	"related": [object.union(operators.place(installed[0]), {"message": "the operator"})],
} if {
	count(installed) > 0
	count(installed) == count(operators.of_redisfailovers) # else another operator may look after it
	some r in data.repo.resources
	r.kind == "RedisFailover"
	object.get(r.object, ["metadata", "labels", label], "") == ""
}

label := installed[0].group

installed := [o | some o in operators.of_redisfailovers; o.group != ""]
