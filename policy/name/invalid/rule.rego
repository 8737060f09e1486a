# METADATA
# title: RedisFailover name is not a valid Service name
# description: |-
#   The operator derives Service names and environment variables from the name (rfs-<name>, RFS_<NAME>_SERVICE_HOST).
#   With a dot, an upper case letter, or a last character that is not a letter or digit, Kubernetes rejects the
#   Service, or the shutdown script does not find the sentinels.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Choose a name of lower case letters, digits and hyphens.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:244, generateRedisShutdownConfigMap
#     - Kubernetes, Object Names and IDs
package redisgitops.name.invalid

deny contains {
	"message": sprintf("the name \"%s\" is not a valid Service name; use lowercase letters, digits and \"-\", starting and ending with a letter or digit", [name]),
	"path": ["metadata", "name"],
} if {
	name := input.metadata.name
	is_string(name)
	not regex.match(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, name)
}
