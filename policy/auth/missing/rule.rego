# METADATA
# title: Redis has no password
# description: |-
#   Without spec.auth.secretPath every pod in the cluster can read and change the data, and the sentinels of another
#   Redis can take over a replica whose IP address they have seen before.
# custom:
#   severity: "off"
#   strict: error
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Reference a Secret with the key password, like `redis-gitops generate resource --auth` does.
#   references:
#     - spotahome/redis-operator operator/redisfailover/service/generator.go, GetRedisPassword of service/k8s/util.go
package redisgitops.auth.missing

deny contains {
	"message": "no authentication: spec.auth.secretPath is not set; set it to a Secret with the key \"password\"",
	"path": ["spec", "auth", "secretPath"],
} if {
	object.get(input, ["spec", "auth", "secretPath"], "") == ""
}
