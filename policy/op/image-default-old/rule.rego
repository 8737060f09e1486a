# METADATA
# title: Operator's default image is outdated (2021)
# description: |-
#   Without an image, the operator uses redis:6.2.6-alpine of October 2021 and redis_exporter v1.43.0 of 2022. They
#   have known vulnerabilities, and the next version of the operator replaces them under a running Redis.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Set the images of Redis, the sentinels and the exporters.
#   references:
#     - spotahome/redis-operator api/redisfailover/v1/defaults.go
package redisgitops.op["image-default-old"]

deny contains {
	"message": sprintf("no image set for %s, so the operator uses redis:6.2.6-alpine (2021); set one", [words]),
	"path": ["spec", part, "image"],
} if {
	[part, words] := unnamed
}

unnamed := ["redis", "Redis and its sentinels"] if {
	no_image(["spec", "redis"])
	no_image(["spec", "sentinel"])
} else := ["redis", "Redis"] if {
	no_image(["spec", "redis"])
} else := ["sentinel", "the sentinels"] if {
	no_image(["spec", "sentinel"])
}

deny contains {
	"message": "no image set for the exporter, so the operator uses redis_exporter v1.43.0 (2022); set one",
	"path": ["spec", "redis", "exporter", "image"],
	"strict": true,
} if {
	input.spec.redis.exporter.enabled == true
	no_image(["spec", "redis", "exporter"])
}

no_image(part) if object.get(input, array.concat(part, ["image"]), "") in {"", null}
