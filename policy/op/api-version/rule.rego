# METADATA
# title: API version is not served by the operator
# description: |-
#   The API has been databases.spotahome.com/v1 since version 1.0.0 of the operator. The API server rejects any other
#   version, or stores a resource that no operator watches.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Set apiVersion to databases.spotahome.com/v1; redis.version became the tag of redis.image, and exporter an
#     object.
#   references:
#     - spotahome/redis-operator 632aa3da CHANGELOG.md:39, 1.0.0
#     - https://github.com/spotahome/redis-operator/issues/139
package redisgitops.op["api-version"]

deny contains {
	"message": sprintf("\"%s\" is not an API version of the operator; use databases.spotahome.com/v1 and check the fields", [input.apiVersion]),
	"path": ["apiVersion"],
} if {
	is_string(input.apiVersion)
	input.apiVersion != "databases.spotahome.com/v1"
	regex.match(`^([a-z.]*spotahome\.com|redis\.io)/`, input.apiVersion)
}
