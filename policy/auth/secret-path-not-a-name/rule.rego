# METADATA
# title: auth.secretPath is not a valid Secret name
# description: |-
#   Despite its name, secretPath is the name of a Secret in the namespace of the RedisFailover; the operator reads
#   its key password. With a path, or anything else that is not a valid Secret name, the operator finds nothing and
#   creates no Redis.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Set it to the name of the Secret.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/k8s/util.go, GetRedisPassword
package redisgitops.auth["secret-path-not-a-name"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("secretPath \"%s\" is not a valid Secret name; use the name of a Secret with the key \"password\"", [name]),
	"path": ["spec", "auth", "secretPath"],
} if {
	name := redisfailover.secret(input)
	name != ""
	not regex.match(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, name)
}
