# METADATA
# title: KubeDB Redis and its RedisSentinel do not match
# description: |-
#   The operator refuses to start a Redis whose sentinels are of the other distribution (Redis or Valkey), or when only one of
#   both uses TLS, or when their certificates come from different issuers.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use the same distribution, and the same tls.issuerRef, for both.
#   references:
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:384-440, ValidateForSentinel
package redisgitops.kdb["sentinel-mismatch"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("%s, which the operator refuses; use the same for both", [problem.text]),
	"resource": m.resource.id,
	"path": problem.path,
	"related": [{"resource": s.id, "path": problem.related, "message": "the RedisSentinel"}],
} if {
	some m in kubedb.monitored
	[s] := kubedb.watching(m)
	some problem in problems(m.resource.object.spec, s.object.spec)
}

problems(redis, sentinel) := array.concat(
	array.concat(
		[{"text": "the RedisSentinel uses TLS, but this Redis does not", "path": ["spec", "tls"], "related": ["spec", "tls"]} | not tls(redis); tls(sentinel)],
		[{"text": "this Redis uses TLS, but its RedisSentinel does not", "path": ["spec", "tls"], "related": ["spec", "tls"]} | tls(redis); not tls(sentinel)],
	),
	array.concat(
		[{"text": sprintf("the %s of the issuer differs from that of the RedisSentinel", [field]), "path": ["spec", "tls", "issuerRef", field], "related": ["spec", "tls", "issuerRef", field]} |
			some field in ["kind", "name"]
			redis.tls.issuerRef[field] != sentinel.tls.issuerRef[field]
		],
		[{"text": sprintf("%s cannot be watched by sentinels of %s", [distribution(redis), distribution(sentinel)]), "path": ["spec", "version"], "related": ["spec", "version"]} |
			distribution(redis) != distribution(sentinel)
		],
	),
)

tls(spec) if is_object(spec.tls)

# The names of the catalogue begin with valkey- for Valkey; one of a RedisVersion of one's own does not say.
distribution(spec) := "Valkey" if {
	startswith(spec.version, "valkey-")
} else := "Redis" if regex.match("^[0-9]", spec.version)
