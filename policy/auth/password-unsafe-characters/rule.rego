# METADATA
# title: A password with characters that do not survive
# description: |-
#   The operator writes requirepass and masterauth into redis.conf without quotes, and its scripts hand the password to
#   the shell. A blank, a quote, a backslash or a newline makes two passwords of one or ends the line; a dollar sign and
#   a hash are taken for something else somewhere. The newline at the end is the one that echo adds before base64.
# custom:
#   severity: error
#   scope: repository
#   remediation: Take letters and digits, 32 of them.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/526
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisConfigMap
package redisgitops.auth["password-unsafe-characters"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the password has %s, which the operator writes into redis.conf and scripts without quotes; take letters and digits", [concat(" and ", found)]),
	"resource": p.resource,
	"path": p.keys.password,
	"related": [{"resource": r.id, "path": ["spec", "auth", "secretPath"], "message": "the RedisFailover that uses it"}],
} if {
	some r in redisfailover.all
	some p in secrets.for_redis(r)
	found := [what | some what in sort(object.keys(unsafe)); regex.match(unsafe[what], secrets.value(data.repo.resources[p.resource].object, "password"))]
	count(found) > 0
}

unsafe := {
	"a backslash": `\\`, "a blank": `[ \t]`, "a dollar sign": `\$`, "a hash": `#`, "a newline": `[\r\n]`, "a quote": "[\"'`]",
}
