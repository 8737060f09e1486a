# METADATA
# title: Operator's default image is outdated
# description: |-
#   Without an image, the Spotahome operator uses redis:6.2.6-alpine of October 2021 and redis_exporter v1.43.0 of 2022; the
#   defaults of its forks are newer, but lack security fixes too. The next version of the operator replaces them under a running
#   Redis.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Set the images of Redis, the sentinels and the exporters.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/defaults.go:6-8
#     - freshworks-oss/redis-operator 7bf309bf api/redisfailover/v1/defaults.go
#     - Saremox/redis-operator 5ca2d8c1 api/redisfailover/v1/defaults.go
package redisgitops.op["image-default-old"]

import data.redisgitops.lib.images

deny contains {
	"message": sprintf("no image set for %s, so the operator uses %s (%s); set one", [words, images.unset_image, images.unset.year]),
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
	"message": sprintf("no image set for the exporter, so the operator uses %s %s (%s); set one", [exporter.name, exporter.tag, images.unset.exporter.year]),
	"path": ["spec", "redis", "exporter", "image"],
	"strict": true,
} if {
	input.spec.redis.exporter.enabled == true
	no_image(["spec", "redis", "exporter"])
	exporter := images.reference(images.unset.exporter.image)
}

no_image(part) if object.get(input, array.concat(part, ["image"]), "") in {"", null}
