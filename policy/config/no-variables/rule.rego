# METADATA
# title: customConfig does not expand variables
# description: |-
#   The operator sends customConfig to Redis unchanged; neither expands environment variables. Redis then uses the
#   text $NAME as the value: as replica-announce-ip, for example, sentinels and clients get an address that does not
#   resolve. Flux substitutions, ${NAME}, are not reported.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Write the value itself, or pass the directive in spec.redis.command through a shell that expands it.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/364
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, getConfigParameters and applyRedisConfig
package redisgitops.config["no-variables"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("%s is set to the literal %q, because variables in customConfig are not expanded; set the actual value", [d.key, found[0]]),
	"path": ["spec", part, "customConfig", d.index],
} if {
	some part in redisfailover.parts
	some d in redisfailover.directives(input.spec[part].customConfig)
	not regex.match(`pass|auth|user`, d.key) # a password may have a dollar sign
	found := regex.find_n(`\$([A-Za-z_][A-Za-z0-9_]*|\([A-Za-z_][A-Za-z0-9_]*\))`, d.value, 1)
	count(found) > 0
}
