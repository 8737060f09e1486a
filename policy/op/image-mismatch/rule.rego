# METADATA
# title: Redis and sentinels run different major versions
# description: |-
#   Sentinels work with Redis of any version, but commands and replies differ between major versions, and the
#   combination is untested. Usually one of the two was forgotten in an upgrade.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Use the same image for both.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/637
#     - https://github.com/spotahome/redis-operator/issues/652
package redisgitops.op["image-mismatch"]

import data.redisgitops.lib.images

deny contains {
	"message": sprintf("the sentinels use Redis %d but Redis is %d; use the same image for both", [sentinel, redis]),
	"path": ["spec", "sentinel", "image"],
	"related": [{"path": ["spec", "redis", "image"], "message": "the image of Redis"}],
} if {
	images.of_redis(input.spec.redis.image)
	images.of_redis(input.spec.sentinel.image)
	redis := images.major(input.spec.redis.image)
	sentinel := images.major(input.spec.sentinel.image)
	redis != sentinel
}
