# METADATA
# title: Image is not pinned to a version
# description: |-
#   With latest, or without a tag, a pod can run a different Redis after every restart: replicas of one Redis then
#   run different versions, and an older one cannot load data that a newer one wrote.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover, Redis, RedisReplication, RedisSentinel, RedisCluster, RedisEnterpriseCluster, StatefulSet]
#   since: 0.1.0
#   remediation: Pin a complete version, or a digest.
#   references:
#     - Kubernetes, Images
package redisgitops.op["image-floating"]

import data.redisgitops.lib.images

deny contains {
	"message": sprintf("\"%s\" is a mutable image reference; pin a version", [p.image]),
	"path": p.path,
} if {
	some p in places
	reference := images.reference(p.image)
	reference.tag in {"", "latest", "alpine", "stable"}
	reference.digest == ""
	not input.spec.redis.version # of the v1alpha2 API, which had the tag there
}

# places are the images of the pods: {"path", "image"}.
places := array.concat(array.concat(images_of_own, images_of_extra), array.concat(images_of_others, images_of_plain))

# images_of_others: resources of other operators, wherever they have containers. In a volume, image is the name of a device.
images_of_others := [{"path": array.concat(["spec"], at), "image": image} |
	not input.kind in {"RedisFailover", "StatefulSet"}
	walk(object.get(input, "spec", {}), [at, image])
	at[count(at) - 1] == "image"
	count({step | some step in at} & {"volume", "volumes"}) == 0
	is_string(image)
	image != ""
]

# images_of_plain: Redis without an operator.
images_of_plain := [{"path": ["spec", "template", "spec", "containers", i, "image"], "image": c.image} |
	input.kind == "StatefulSet"
	some i, c in input.spec.template.spec.containers
	regex.match(`^(redis|redis-stack|redis-stack-server|valkey)$`, images.reference(c.image).name)
]

images_of_extra := [{"path": ["spec", part, list, i, "image"], "image": image} |
	input.kind == "RedisFailover"
	some part in ["redis", "sentinel"]
	some list in ["extraContainers", "initContainers"]
	containers := object.get(input, ["spec", part, list], [])
	is_array(containers)
	some i, c in containers
	image := c.image
	is_string(image)
	image != ""
]

images_of_own := [{"path": path, "image": image} |
	input.kind == "RedisFailover"
	some path in [["spec", "redis", "image"], ["spec", "redis", "exporter", "image"], ["spec", "sentinel", "image"], ["spec", "sentinel", "exporter", "image"]]
	image := object.get(input, path, "")
	is_string(image)
	image != ""
]
