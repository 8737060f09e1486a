# METADATA
# title: Redis and sentinels run different major versions
# description: |-
#   Sentinels speak to Redis of any version, but commands and their answers differ between major versions, and nobody
#   tests the pair. Most often one of the two was forgotten at an upgrade.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Give both the same image.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/637
#     - https://github.com/spotahome/redis-operator/issues/652
package redisgitops.op["image-mismatch"]

import data.redisgitops.lib.images

deny contains {
	"message": sprintf("the sentinels run Redis %d and Redis itself is %d; take the same image for both", [sentinel, redis]),
	"path": ["spec", "sentinel", "image"],
	"related": [{"path": ["spec", "redis", "image"], "message": "the image of Redis"}],
} if {
	images.of_redis(input.spec.redis.image)
	images.of_redis(input.spec.sentinel.image)
	redis := images.major(input.spec.redis.image)
	sentinel := images.major(input.spec.sentinel.image)
	redis != sentinel
}
