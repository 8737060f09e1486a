# METADATA
# title: Variable is not expanded
# description: |-
#   The operators send customConfig and dynamicConfig to Redis unchanged, and Redis does not expand environment
#   variables, in its configuration file neither: it uses the text $NAME as the value. As replica-announce-ip, for example, sentinels and clients get an
#   address that does not resolve. In command and args, Kubernetes expands $(NAME) with the variables of the container,
#   and leaves the text if there is none; $NAME needs a shell. Of the substitutions of Flux, ${NAME}, those that
#   only a pod knows are reported, such as ${POD_IP}.
# custom:
#   kinds: [redis]
#   since: 0.1.0
#   remediation: |-
#     Write the value itself, or pass the directive in the command: as $(NAME), with NAME in the env of the container, or
#     through a shell that expands it.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/364
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, getConfigParameters and applyRedisConfig
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/service/generator.go, getRedisEnv
#     - kubernetes/kubernetes v1.36.3 staging/src/k8s.io/api/core/v1/types.go, Container.Command; pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis.go, applyDynamicConfig
package redisgitops.config["no-variables"]

import data.redisgitops.lib.commands
import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s is set to the literal %q, because variables in %s are not expanded; set the actual value", [d.key, found[0], d.path[count(d.path) - 2]]),
	"path": d.path,
} if {
	some d in array.concat(array.concat(redis.files, redis.follower_files), array.concat(redis.entries, of_sentinel))
	not regex.match(`pass|auth|user`, d.key) # a password may have a dollar sign
	found := regex.find_n(`\$([A-Za-z_][A-Za-z0-9_]*|\([A-Za-z_][A-Za-z0-9_]*\)|\{(POD_IP|POD_NAME|HOSTNAME|HOST_IP|NODE_NAME|NODE_IP)\})`, d.value, 1)
	count(found) > 0
}

of_sentinel := [object.union(d, {"path": ["spec", "sentinel", "customConfig", d.index]}) |
	input.kind == "RedisFailover"
	some d in redisfailover.directives(input.spec.sentinel.customConfig)
]

deny contains {
	"message": sprintf("%q remains literal, because no shell expands it; use $(%s) with a variable of that name in the env of the container, or the actual value", [w.text, trim_left(w.text, "$")]),
	"path": array.concat(c.path, [w.list, w.index]),
} if {
	input.kind != "RedisFailover"
	some c in commands.all
	commands.runs_redis(c)
	some w in commands.words(c)
	regex.match(variable, w.text)
}

deny contains {
	"message": sprintf("%q remains literal, because no shell expands it; set the actual value, or run the command through sh -c", [w.text]),
	"path": array.concat(c.path, [w.list, w.index]),
} if {
	input.kind == "RedisFailover"
	some c in commands.all
	commands.runs_redis(c)
	some w in commands.words(c)
	regex.match(variable, w.text)
}

variable := `^\$([A-Z_][A-Z0-9_]*|\{(POD_IP|POD_NAME|HOSTNAME|HOST_IP|NODE_NAME|NODE_IP)\})$`

deny contains {
	"message": sprintf("%q remains literal, because the container has no variable %s; %s", [found[0][0], found[0][1], remedy[input.kind == "RedisFailover"]]),
	"path": array.concat(c.path, [w.list, w.index]),
} if {
	some c in commands.all
	commands.runs_redis(c)
	not c.object.envFrom
	some w in commands.words(c)
	found := [f |
		some f in regex.find_all_string_submatch_n(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`, replace(w.text, "$$", ""), 4)
		not regex.match(`_SERVICE_|_PORT`, f[1]) # which Kubernetes sets for each Service
		not f[1] in set_in(c)
	]
	count(found) > 0
}

remedy := {true: "set the actual value, or run the command through sh -c", false: "add it to env"}

# The variables of a container: those of Redis that the operator sets, and its own.
set_in(c) := {e.name | some e in c.object.env} | {name | input.kind == "RedisFailover"; some name in ["REDIS_ADDR", "REDIS_PASSWORD", "REDIS_PORT", "REDIS_USER"]}
