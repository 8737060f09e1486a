# METADATA
# title: Redis is older than version 6
# description: |-
#   The operator writes an ACL user for its probes to redis.conf. Redis 5 and older do not support ACLs and do not
#   start.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Use an image of Redis 6 or newer.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:23, redisConfigTemplate
#     - spotahome/redis-operator 632aa3da README.md:11
#     - spotahome/redis-operator 632aa3da example/redisfailover/custom-image.yaml:8 and :12, the example with redis:4.0
package redisgitops.op["image-below-6"]

import data.redisgitops.lib.images

deny contains {
	"message": sprintf("Redis %s does not start, because the operator's redis.conf uses ACLs; use version 6 or later", [v.text]),
	"path": v.path,
} if {
	some v in versions
	images.major(v.image) < 6
}

versions := array.concat(
	[v |
		image := input.spec.redis.image
		images.of_redis(image)
		v := {"path": ["spec", "redis", "image"], "image": image, "text": images.reference(image).tag}
	],
	[v |
		version := input.spec.redis.version
		is_string(version)

		# One step further than the field, which op/unknown-field reports as well.
		v := {"path": ["spec", "redis", "version", "tag"], "image": concat(":", ["redis", version]), "text": version}
	],
)
