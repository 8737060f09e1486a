# METADATA
# title: Password contains characters the operator cannot quote
# description: |-
#   The operator writes requirepass and masterauth to redis.conf without quotes. Whitespace ends the argument and a
#   newline ends the line, a quote starts a quoted argument, and a NUL ends the line: Redis does not start, or uses a
#   different password than the Secret. Other characters, such as #, $, a backslash and a backtick, are safe in
#   redis.conf, in the operator's scripts and in its connections. A trailing newline usually comes from echo before
#   base64.
# custom:
#   severity: error
#   scope: repository
#   remediation: Remove whitespace and quotes, or generate 32 letters and digits.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/526
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisConfigMap
#     - redis/redis 7.0 src/sds.c, sdssplitargs; src/config.c, loadServerConfigFromString
package redisgitops.auth["password-unsafe-characters"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the password contains %s, which the operator writes to redis.conf without quotes; use only letters and digits", [concat(" and ", found)]),
	"resource": p.resource,
	"path": p.keys.password,
	"related": [{"resource": r.id, "path": ["spec", "auth", "secretPath"], "message": "the RedisFailover that uses it"}],
} if {
	some r in redisfailover.all
	some p in secrets.for_redis(r)
	found := [what | some what in sort(object.keys(unsafe)); regex.match(unsafe[what], secrets.value(data.repo.resources[p.resource].object, "password"))]
	count(found) > 0
}

# The white space and quotes of sdssplitargs.
unsafe := {
	"a NUL": `\x00`, "a space": `[ \t\v\f]`, "a newline": `[\r\n]`, "a quote": `["']`,
}
