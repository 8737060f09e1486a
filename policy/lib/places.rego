# Where the input of a resource rule names images, in the values of charts too.
package redisgitops.lib.places

import data.redisgitops.lib.images
import data.redisgitops.lib.redis

# {"path", "image", "written": the text at the path}; those of values have "untagged" where the chart chooses the tag, and "own" where they
# name a registry or repository.
all := array.concat([object.union(p, {"written": p.image}) | some p in images.places; not in_block(p)], array.concat(in_values, in_exporters))

# The image of a mapping of values that has the tag beside it, or where the chart has it.
in_block(p) if {
	input.kind == "Chart"
	parent := array.slice(p.path, 0, count(p.path) - 1)
	some truth in [parent in {part.exporterImage | some part in redis.parts}, named(redis.value(parent), "tag") != ""]
	truth
}

in_values := [p |
	input.kind == "Chart"
	some part in redis.parts
	p := of_values(part)
]

in_exporters := [p |
	input.kind == "Chart"
	some part in redis.parts
	redis.value(part.exporter) == true
	p := of_block(part.exporterImage, part.exporterRepository)
]

# The releases that are served.
releases := [object.union(p, {"tag": object.union(tag, {"image": p.written})}) |
	some p in all
	tag := images.tagged(p.image)
	images.served(tag.ref)
]

# The image of a part of a Redis, from lib/redis.rego.
image(part) := redis.value(part.image) if {
	is_string(redis.value(part.image))
} else := of_values(part).image

of_values(part) := of_block(part.image, object.get(part, "repository", ""))

# An image in values: registry, repository and tag, or as in redis-ha image and tag.
of_block(path, otherwise) := {
	"path": array.concat(path, [key]), "written": redis.text(block[key]),
	"image": concat("", [concat("/", [step | some step in [registry, repository]; step != ""]), tag_of(block), digest_of(block)]),
	"untagged": tag_of(block) == "", "own": concat("", [registry, named(block, "repository"), named(block, "image")]) != "",
} if {
	block := redis.value(path)
	is_object(block)
	key := [key | some key in ["tag", "repository", "image", "registry"]; named(block, key) != ""][0]
	registry := array.concat([r | some r in [redis.text(redis.value(["spec", "global", "imageRegistry"])), named(block, "registry")]; r != ""], [""])[0]
	repository := [r | some r in [named(block, "repository"), named(block, "image"), otherwise]; r != ""][0]
}

named(block, key) := redis.text(object.get(block, key, ""))

tag_of(block) := sprintf(":%s", [named(block, "tag")]) if {
	named(block, "tag") != ""
} else := ""

digest_of(block) := sprintf("@%s", [named(block, "digest")]) if {
	named(block, "digest") != ""
} else := ""
