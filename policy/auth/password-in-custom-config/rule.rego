# METADATA
# title: Password set in customConfig instead of a Secret
# description: |-
#   The operator authenticates with the password of auth.secretPath, or without one. requirepass, masterauth or user
#   in customConfig changes the password Redis expects: the operator gets NOAUTH or WRONGPASS and can neither repair
#   nor update anything. The password is also stored in plain text. The same is true of OpsTree's additionalRedisConfig
#   and dynamicConfig; and everyone who may read ConfigMaps reads the password of a redis.conf in one.
# custom:
#   severity: error
#   kinds: [redis]
#   fix: 'suggested: removes an entry of customConfig'
#   remediation: Remove it and set spec.auth.secretPath to a Secret.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, SetCustomRedisConfig
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisConfigMap
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/agent/bootstrap/redis/config.go:177, the ConfigMap is included last
package redisgitops.auth["password-in-custom-config"]

import data.redisgitops.lib.redis
import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("\"%s\" %s; remove it and use %s", [d.key, harm, instead]),
	"path": d.path,
} if {
	input.kind != "RedisFailover"
	some d in array.concat(array.concat(redis.files, redis.follower_files), redis.entries)
	d.key in owned
	not "Secret" in d.path
	d.value != ""
	not regex.match(`[$<{]|__`, d.value) # a placeholder
}

harm := "locks out the operator" if redis.server.auth

else := "is in a ConfigMap, in plain text"

instead := concat(".", redis.server.auth.field) if redis.server.auth

else := "a Secret for the file or the arguments"

owned := {"masterauth", "masteruser", "requirepass", "user"}

deny contains {
	"message": sprintf("\"%s\" locks out the operator; remove it and use spec.auth.secretPath", [d.key]),
	"path": ["spec", "redis", "customConfig", d.index],
	"fix": {"path": ["spec", "redis", "customConfig", d.index], "op": "remove", "suggested": "without it, Redis accepts connections without a password until spec.auth.secretPath is set"},
} if {
	some d in redisfailover.redis
	d.key in owned
}

deny contains {
	"message": sprintf("\"%s\" locks out the operator; remove it and use spec.auth.secretPath", [option]),
	"path": ["spec", "redis", "command", i],
} if {
	some i, word in input.spec.redis.command
	is_string(word)
	some [_, option] in regex.find_all_string_submatch_n(`(?:^|\s)(--(?:masterauth|masteruser|requirepass|user))(?:[\s=]|$)`, word, 5)
}
