# METADATA
# title: Redis has no password
# description: |-
#   Without a password every pod in the cluster can read and change the data, and the sentinels of another
#   Redis can take over a replica whose IP address they have seen before.
# custom:
#   severity: "off"
#   strict: error
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Reference a Secret with the key password, like `redis-gitops generate resource --auth` does.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:211, generateRedisConfigMap
#     - spotahome/redis-operator 632aa3da service/k8s/util.go:13, GetRedisPassword
package redisgitops.auth.missing

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("no authentication: %s is not set; set it to a Secret with the key \"password\"", [concat(".", redis.shown(auth.field))]),
	"path": auth.field,
} if {
	auth := redis.server.auth
	every c in auth.set { not redis.holds(c) }
}
