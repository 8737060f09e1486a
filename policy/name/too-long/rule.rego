# METADATA
# title: RedisFailover name is too long
# description: |-
#   The operator refuses names of more than 48 characters, with a line in its log and no event: the object is there and
#   nothing happens. In a chart the name is made of the chart's name and the suffix.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Choose a shorter name, or a shorter suffix.
#   references:
#     - spotahome/redis-operator api/redisfailover/v1/validate.go maxNameLength
package redisgitops.name["too-long"]

deny contains {
	"message": sprintf("the name \"%s\" has %d characters and the operator takes 48; choose a shorter one", [name, count(name)]),
	"path": ["metadata", "name"],
} if {
	name := input.metadata.name
	count(name) > 48
}
