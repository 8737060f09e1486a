# METADATA
# title: A quantity of resources is not what is meant
# description: |-
#   100m of memory is a tenth of a byte, and requests above their limits make the StatefulSet or Deployment invalid: the
#   operator gets an error from the API server on each loop and goes no further.
# custom:
#   kinds: [RedisFailover]
#   fix: writes Mi for m
#   since: 0.1.0
#   remediation: Write memory in Mi or Gi, and requests that are not above the limits.
#   references:
#     - Kubernetes, Resource Management for Pods and Containers
#     - Kubernetes API server, ValidateResourceRequirements
package redisgitops.mem["bad-quantity"]

import data.redisgitops.lib.quantity

deny contains {
	"message": sprintf("\"%s\" of memory is thousandths of a byte; write \"%sMi\"", [value, trim_suffix(value, "m")]),
	"path": array.concat(at, [list, "memory"]),
	"fix": {"path": array.concat(at, [list, "memory"]), "op": "set", "value": concat("", [trim_suffix(value, "m"), "Mi"])},
} if {
	some at in places
	some list in ["requests", "limits"]
	value := object.get(input, array.concat(at, [list, "memory"]), "")
	quantity.milli(value)
}

deny contains {
	"message": sprintf("the %s request \"%v\" is more than the limit \"%v\", which the API server refuses; lower the request", [what, request, limit]),
	"path": array.concat(at, ["requests", what]),
	"related": [{"path": array.concat(at, ["limits", what]), "message": "the limit"}],
} if {
	some at in places
	some what in ["cpu", "memory"]
	request := object.get(input, array.concat(at, ["requests", what]), null)
	limit := object.get(input, array.concat(at, ["limits", what]), null)
	amount(what, request) > amount(what, limit)
}

deny contains {
	"message": sprintf("\"%s\" is no quantity of memory; write it like 256Mi or 1Gi", [value]),
	"path": array.concat(at, [list, "memory"]),
} if {
	some at in places
	some list in ["requests", "limits"]
	value := object.get(input, array.concat(at, [list, "memory"]), "")
	is_string(value)
	value != ""
	not quantity.bytes(value)
	not regex.match(`^[0-9.]+[eE][0-9]+$`, value)
}

places := [
	["spec", "redis", "resources"], ["spec", "redis", "exporter", "resources"],
	["spec", "sentinel", "resources"], ["spec", "sentinel", "exporter", "resources"],
]

amount("cpu", q) := quantity.cores(q)

amount("memory", q) := quantity.bytes(q)
