# METADATA
# title: Command cannot start, or starts Redis on another port
# description: |-
#   Kubernetes runs the first element of command as the program and passes the others unchanged, without a shell: a
#   whole command line in one element is the name of a program that does not exist. Arguments after the configuration
#   file override it: with --port, Redis listens on a port that the operator, the probes, the sentinels and the
#   Services do not use.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Write each word of the command as a separate list element, and set the port with spec.redis.port.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/370
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisCommand and getSentinelCommand
#     - kubernetes/kubernetes v1.36.3 staging/src/k8s.io/api/core/v1/types.go, Container.Command
#     - redis/redis 7.0 src/server.c, main
package redisgitops.config["command-arguments"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the command is a single argument with spaces, so the container fails to start; pass each word as its own argument: [%s]", [listed(word)]),
	"path": ["spec", part, "command", 0],
} if {
	some part in redisfailover.parts
	words := input.spec[part].command
	is_array(words)
	word := words[0]
	is_string(word)
	regex.match(`^\S*redis-(server|sentinel)\s+\S`, word)
}

deny contains {
	"message": sprintf("the command makes Redis listen on port %s, but the operator and the Services use %d; remove --port%s", [given, ports[part], instead(part)]),
	"path": ["spec", part, "command", i],
} if {
	some part in redisfailover.parts
	words := input.spec[part].command
	is_array(words)
	some i, word in words
	given := port_of(words, i, word)
	given != sprintf("%d", [ports[part]])
}

ports := {"redis": redisfailover.port(input), "sentinel": 26379}

# port_of is the port that the word at i sets, of Redis' own --port alone: -p and --port of other programs follow other words.
port_of(words, i, "--port") := sprintf("%v", [words[i + 1]]) if starts_redis(words)

port_of(words, _, word) := trim_space(substring(word, 7, -1)) if {
	is_string(word)
	startswith(word, "--port ")
	starts_redis(words)
}

starts_redis(words) if regex.match(`(^|/)redis-(server|sentinel)$`, words[0])

instead("redis") := " and set spec.redis.port"

instead("sentinel") := ""

listed(word) := concat(", ", [sprintf("%q", [w]) | some w in regex.split(`\s+`, trim_space(word))])
