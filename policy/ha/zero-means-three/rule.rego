# METADATA
# title: Zero replicas means three
# description: |-
#   The operator treats 0 as unset and creates 3. Setting 0 to run no sentinels, or to stop Redis for a while,
#   creates three instead. This operator cannot run none: a Redis without failover is one replica with one sentinel.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: sets 3, the number that runs
#   remediation: Set the number of replicas you want; 3 is what runs now.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/validate.go
package redisgitops.ha["zero-means-three"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("replicas: %d is treated as 3 by the operator; set the number you want", [n]),
	"path": ["spec", part, "replicas"],
	"fix": {"path": ["spec", part, "replicas"], "op": "set", "value": 3},
} if {
	some part in redisfailover.parts
	n := input.spec[part].replicas
	is_number(n)
	n <= 0
}
