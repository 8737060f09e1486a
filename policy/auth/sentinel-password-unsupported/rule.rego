# METADATA
# title: Sentinel passwords are not supported by the operator
# description: |-
#   The operator connects to its sentinels without a password, and this cannot be configured. Sentinels that require
#   one answer NOAUTH: the operator neither sets the master nor repairs them. These settings also do not exist as
#   SENTINEL SET parameters, which is how customConfig is applied.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: 'suggested: removes an entry of customConfig'
#   remediation: Remove it, and restrict access to the sentinels with a NetworkPolicy.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, SetCustomSentinelConfig and all calls of sentinels
package redisgitops.auth["sentinel-password-unsupported"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("the operator connects to sentinels without a password, so \"%s\" blocks it; remove it", [d.key]),
	"path": ["spec", "sentinel", "customConfig", d.index],
	"fix": {"path": ["spec", "sentinel", "customConfig", d.index], "op": "remove", "suggested": "clients must stop sending this password to the sentinels at the same time"},
} if {
	some d in redisfailover.sentinel
	d.key in {"requirepass", "sentinel-pass", "sentinel-user", "user"}
}

deny contains {
	"message": sprintf("the operator connects to sentinels without a password, so \"%s\" locks it out; remove it", [word]),
	"path": ["spec", "sentinel", "command", i],
} if {
	some i, word in input.spec.sentinel.command
	word in {"--requirepass", "--user"}
}
