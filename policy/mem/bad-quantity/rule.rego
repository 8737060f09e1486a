# METADATA
# title: Suspicious resource quantity
# description: |-
#   100m of memory is a tenth of a byte, and requests above the limits make the StatefulSet or Deployment invalid:
#   the operator gets an error from the API server on every reconcile and stops there.
# custom:
#   kinds: [redis]
#   fix: replaces m by Mi
#   since: 0.1.0
#   remediation: Use Mi or Gi for memory, and requests that do not exceed the limits.
#   references:
#     - Kubernetes, Resource Management for Pods and Containers
#     - Kubernetes API server, ValidateResourceRequirements
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/client.go:101, EnsureRedisStatefulset
package redisgitops.mem["bad-quantity"]

import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("memory \"%s\" means thousandths of a byte; use \"%sMi\"", [value, trim_suffix(value, "m")]),
	"path": path,
	"fix": {"path": path, "op": "set", "value": concat("", [trim_suffix(value, "m"), "Mi"])},
} if {
	some [path, value] in odd
	quantity.milli(value)
}

deny contains {
	"message": sprintf("the %s request \"%v\" exceeds the limit \"%v\", which the API server rejects; lower the request", [what, request, limit]),
	"path": array.concat(at, ["requests", what]),
	"related": [{"path": array.concat(at, ["limits", what]), "message": "the limit"}],
} if {
	some [at, resources] in given
	some what, limit in resources.limits
	request := resources.requests[what]
	request != limit
	amount(what, request) > amount(what, limit)
}

deny contains {
	"message": sprintf("invalid memory quantity \"%s\"; use for example 256Mi or 1Gi", [value]),
	"path": path,
} if {
	some [path, value] in odd
	not quantity.bytes(value)
	not regex.match(`^[0-9.]+[eE][0-9]+$`, value)
}

given := [[at, resources] |
	some p in redis.parts
	some at in array.concat(p.resources, object.get(p, "sidecars", []))
	resources := redis.value(at)
	is_object(resources)
]

# odd texts of memory are not plain numbers with a plain unit.
odd := [[array.concat(at, [list, "memory"]), value] |
	some [at, resources] in given
	some list in ["requests", "limits"]
	value := resources[list].memory
	is_string(value)
	not regex.match(`^([0-9]+([kMGTPE]|[KMGTPE]i)?)?$`, value)
]

amount("cpu", q) := quantity.cores(q)

amount("memory", q) := quantity.bytes(q)
