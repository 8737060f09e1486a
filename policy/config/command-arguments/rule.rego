# METADATA
# title: Command cannot start, or starts Redis on another port
# description: |-
#   Kubernetes runs the first element of command as the program and passes the others unchanged, without a shell: a
#   whole command line in one element is the name of a program that does not exist. The same is true of sidecars, init
#   containers and probes, and of args that the entrypoint of the Redis and Valkey images runs. Arguments of a
#   RedisFailover after the configuration file override it: with --port, Redis listens on a port that the operator, the
#   probes, the sentinels and the Services do not use; with --bind 127.0.0.1, none of them can connect. The ports and
#   probes of a StatefulSet or Deployment must have the port of its arguments and configuration file too.
# custom:
#   kinds: [redis]
#   since: 0.1.0
#   remediation: |-
#     Write each word of the command as a separate list element, set the port with spec.redis.port, and leave bind to
#     the operator.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/370
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisCommand and getSentinelCommand
#     - kubernetes/kubernetes v1.36.3 staging/src/k8s.io/api/core/v1/types.go, Container.Command
#     - redis/docker-library-redis and valkey-io/valkey-container, docker-entrypoint.sh
#     - redis/redis 7.0 src/server.c, main; src/redis-cli.c, parseOptions; redis.conf, port and tls-port
package redisgitops.config["command-arguments"]

import data.redisgitops.lib.commands
import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the command is a single argument with spaces, so %s; pass each word as its own argument: [%s]", [effect(c), listed(word)]),
	"path": array.concat(c.path, [list, 0]),
} if {
	some c in commands.all
	some list in ["command", "args"]
	word := c.at[list][0]
	is_string(word)
	runs(list, c, word)
}

effect(c) := "it fails each time" if c.path[count(c.path) - 1] == "exec" # of a probe or a hook

else := "the container fails to start"

runs("command", _, word) if regex.match(`^[\w./-]+\s+\S`, word)

runs("args", c, word) if {
	not c.at.command
	commands.official(c)
	regex.match(`^\S*(redis|valkey)-(server|sentinel)\s+\S`, word)
}

deny contains {
	"message": sprintf("the command makes Redis listen on port %s, but the operator and the Services use %d; remove --port%s", [given, ports[part], instead(part)]),
	"path": ["spec", part, "command", i],
} if {
	some part, words in of_operator
	some i, word in words
	given := port_of(words, i, word)
	given != sprintf("%d", [ports[part]])
}

deny contains {
	"message": sprintf("the command makes Redis listen on %s only, so the operator, sentinels and replicas cannot connect; remove --bind", [addresses[0]]),
	"path": ["spec", part, "command", i],
} if {
	some part, words in of_operator
	starts_redis(words)
	some i, word in words
	addresses := bound(words, i, word)
	count(addresses) > 0
	every a in addresses { trim_prefix(a, "-") in {"127.0.0.1", "::1", "localhost"} }
}

# Ports and probes of a container of its own.
deny contains object.union(
	{
		"message": sprintf("%s has port %v, but Redis listens on %s; set the same port", [u.what, u.port, listens]),
		"path": array.concat(redis.server.container, u.path),
	},
	u.as,
) if {
	some u in used
	not u.port in redis.listening
}

listens := "no port" if count(redis.listening) == 0

else := concat(" and ", [sprintf("%d", [p]) | some p in sort(redis.listening)])

container := redis.value(redis.server.container)

# What uses a port of the container. The number of one without a name is for readers only.
used := array.concat(
	[{"what": "the containerPort", "port": p.containerPort, "path": ["ports", i, "containerPort"], "as": {key: "warning" | some key in ["severity"]; not p.name}} |
		every other in container.ports { not other.containerPort in redis.listening }
		some i, p in container.ports
	],
	[u |
		some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
		some u in array.concat(
			[{"what": probe, "port": port, "path": [probe, action, "port"], "as": {}} |
				some action in ["httpGet", "tcpSocket"]
				port := container[probe][action].port
				is_number(port)
				not container[probe][action].host
			],
			[{"what": probe, "port": port, "path": [probe, "exec", "command"], "as": {}} |
				asked := concat(" ", [sprintf("%v", [w]) | some w in container[probe].exec.command])
				port := of_client(asked)
			],
		)
	],
)

# The port that the one call of redis-cli in a command connects to.
of_client(text) := port if {
	count(regex.find_n(`(redis|valkey)-cli\b`, text, 2)) == 1
	not regex.match(`\s-(h|u|s)\b|-cli\b.*\$\{?\w*port`, lower(text))
	found := regex.find_all_string_submatch_n(`-cli\b[^|;&]*\s-p[ ="']*([0-9]{1,5})\b`, text, 1)
	port := to_number(array.concat([f[1] | some f in found], ["6379"])[0])
}

# The command of Redis and of the sentinels in a RedisFailover.
of_operator := {part: words |
	input.kind == "RedisFailover"
	some part in redisfailover.parts
	words := input.spec[part].command
	is_array(words)
}

ports := {"redis": redisfailover.port(input), "sentinel": 26379}

# port_of is the port that the word at i sets, of Redis' own --port alone: -p and --port of other programs follow other words.
port_of(words, i, "--port") := sprintf("%v", [words[i + 1]]) if starts_redis(words)

port_of(words, _, word) := trim_space(substring(word, 7, -1)) if {
	is_string(word)
	startswith(word, "--port ")
	starts_redis(words)
}

port_of(words, i, word) := found[0][1] if {
	i > 0
	words[i - 1] == "-c"
	count(regex.find_n(`(redis|valkey)-(server|sentinel)`, word, 2)) == 1
	found := regex.find_all_string_submatch_n(`(?:redis|valkey)-(?:server|sentinel)\s[^;&|\n]*--port[ \t]+([0-9]+)`, word, 1)
	count(found) > 0
}

# bound are the addresses that the word at i makes Redis listen on.
bound(words, i, "--bind") := [w | some w in array.slice(words, i + 1, end)] if {
	ends := [j | some j, w in words; j > i; startswith(sprintf("%v", [w]), "--")]
	end := min(array.concat(ends, [count(words)]))
}

bound(_, _, word) := regex.split(`\s+`, trim_space(substring(word, 7, -1))) if {
	is_string(word)
	startswith(word, "--bind ")
}

starts_redis(words) if regex.match(`(^|/)(redis|valkey)-(server|sentinel)$`, words[0])

instead("redis") := " and set spec.redis.port"

instead("sentinel") := ""

listed(word) := concat(", ", [sprintf("%q", [w]) | some w in regex.split(`\s+`, trim_space(word))])
