# METADATA
# title: bootstrapNode.port is a number instead of a string
# description: |-
#   The port of bootstrapNode is a string in the CRD, so the API server rejects a number. The operator's own example
#   has this mistake.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: writes it as a string
#   remediation: Quote the port.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/types.go, BootstrapSettings
package redisgitops.data["bootstrap-port-not-string"]

deny contains {
	"message": sprintf("port %d is a number, but the API server requires a string; use \"%d\" with quotes", [port, port]),
	"path": ["spec", "bootstrapNode", "port"],
	"fix": {"path": ["spec", "bootstrapNode", "port"], "op": "set", "value": sprintf("%d", [port])},
} if {
	port := input.spec.bootstrapNode.port
	is_number(port)
}
