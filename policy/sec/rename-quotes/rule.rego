# METADATA
# title: Quotes in customCommandRenames
# description: |-
#   The operator writes each entry to redis.conf as rename-command "FROM" "TO", without escaping. A quote ends the
#   name and a newline ends the line: Redis reports a wrong number of arguments or unbalanced quotes, and does not
#   start. A backslash starts an escape sequence, which changes the name of the command.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Use names of letters, digits, hyphens and underscores, without quotes; an empty string disables a command.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/716
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, redisConfigTemplate
#     - redis/redis 7.0 src/sds.c, sdssplitargs; src/config.c, loadServerConfigFromString
package redisgitops.sec["rename-quotes"]

deny contains {
	"message": sprintf("%q contains %s, which the operator writes to redis.conf unquoted; remove it", [name, what[0]]),
	"path": ["spec", "redis", "customCommandRenames", i, field],
} if {
	some i, rename in input.spec.redis.customCommandRenames
	some field in ["from", "to"]
	name := rename[field]
	is_string(name)
	what := [word | some sign, word in signs; contains(name, sign)]
	count(what) > 0
}

signs := {"\"": "a quote", "\\": "a backslash", "\n": "a newline", "\r": "a newline"}
