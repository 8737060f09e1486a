# METADATA
# title: Command starts Redis without the operator's configuration
# description: |-
#   spec.redis.command replaces the whole command of the operator. Without /redis/redis.conf, Redis has no password,
#   no replica settings and no user for its probes; a sentinel without /redis/sentinel.conf and --sentinel does not
#   run as a sentinel.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Pass the operator's configuration file first, then your arguments.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:1061 and :1071, getRedisCommand and getSentinelCommand
package redisgitops.config["command-drops-conf"]

deny contains {
	"message": sprintf("the command starts Redis without %s; use [%s] followed by your arguments", [needs[part].file, needs[part].command]),
	"path": ["spec", part, "command"],
} if {
	some part, need in needs
	words := input.spec[part].command
	is_array(words)
	text := concat(" ", [sprintf("%v", [w]) | some w in words])
	regex.match(`(^|[\s/])redis-(server|sentinel)(\s|$)`, text)
	lacks(text, need)
}

needs := {
	"redis": {"file": "/redis/redis.conf", "words": {"redis.conf"}, "command": `"redis-server", "/redis/redis.conf"`},
	"sentinel": {"file": "/redis/sentinel.conf and --sentinel", "words": {"sentinel.conf", "sentinel "}, "command": `"redis-server", "/redis/sentinel.conf", "--sentinel"`},
}

lacks(text, need) if {
	some word in need.words
	not contains(concat("", [text, " "]), word)
}
