# METADATA
# title: RedisFailover name is too long
# description: |-
#   The operator rejects names of more than 48 characters with a line in its log but no event: the resource exists,
#   and nothing happens. In a chart, the name consists of the chart name and the suffix.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Choose a shorter name or suffix.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/validate.go:10, maxNameLength
package redisgitops.name["too-long"]

deny contains {
	"message": sprintf("the name \"%s\" has %d characters, but the operator accepts 48; choose a shorter one", [name, count(name)]),
	"path": ["metadata", "name"],
} if {
	name := input.metadata.name
	count(name) > 48
}
