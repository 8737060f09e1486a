# METADATA
# title: Redis and sentinels run different major versions
# description: |-
#   Sentinels work with Redis of any version, but commands and replies differ between major versions, and the
#   combination is untested. Usually one of the two was forgotten in an upgrade.
# custom:
#   severity: warning
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Use the same version for both.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/637
#     - https://github.com/spotahome/redis-operator/issues/652
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:104-125
package redisgitops.op["image-mismatch"]

import data.redisgitops.lib.images
import data.redisgitops.lib.known
import data.redisgitops.lib.places
import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("the sentinels use %s %d but %s is %d; use the same version for both", [engine, sentinel, engine, major]),
	"path": part.image,
	"related": [{"path": redis.server.image, "message": sprintf("the image of %s", [engine])}],
} if {
	some part in redis.parts
	part.part == "sentinel"
	watched := places.image(redis.server)
	watching := places.image(part)
	engine := named(watched)
	engine == named(watching)
	major := images.major(watched)
	sentinel := images.major(watching)
	sentinel != major
}

named(image) := {"redis": "Redis", "redis-stack": "Redis", "valkey": "Valkey"}[known.engines[images.reference(image).name]]
