# METADATA
# title: Image is not pinned to a version
# description: |-
#   With latest, without a tag, or with the tag of a release line such as 7 or 7.4-alpine, a pod can run a different Redis after
#   every restart: replicas of one Redis then run different versions, and an older one cannot load data that a newer one wrote.
#   redis:7 was 7.0, 7.2 and 7.4, with another format of dumps and another license.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis, RedisEnterpriseCluster]
#   since: 0.1.0
#   fix: "suggested: pins the newest known release of the line"
#   remediation: Pin a complete version, or a digest.
#   references:
#     - Kubernetes, Images
#     - docker-library/official-images library/redis
#     - https://github.com/mailcow/mailcow-dockerized/issues/5827
package redisgitops.op["image-floating"]

import data.redisgitops.lib.images
import data.redisgitops.lib.known
import data.redisgitops.lib.places

deny contains {
	"message": sprintf("\"%s\" is a mutable image reference; pin a version", [p.image]),
	"path": p.path,
} if {
	some p in pinnable
	p.ref.tag in ({"", "latest", "alpine", "stable"} | moving(p.ref))
}

deny contains object.union(
	{
		"message": sprintf("\"%s\" moves to other releases; pin %s", [p.image, pinned(tag)]),
		"path": p.path,
	},
	fix(p, tag),
) if {
	some p in pinnable
	images.served(p.ref)
	tag := images.tagged(p.image)
	tag.patch == ""
}

pinnable := [object.union(p, {"ref": ref}) |
	not input.spec.redis.version # of the v1alpha2 API, which had the tag there
	some p in places.all
	not p.untagged
	ref := images.reference(p.image)
	ref.digest == ""
]

# Tags without a version that are known to move.
moving(ref) := {tag | some tag in known.moving} if known.engines[ref.name]

else := set()

pinned(tag) := sprintf("a release such as %s", [images.facts(tag).newest]) if images.facts(tag).newest

else := "a complete version"

fix(p, tag) := {"fix": object.union(images.update(object.union(p, {"tag": object.union(tag, {"image": p.written})}), newest), {
	"suggested": sprintf("the tag may run another release than %s today", [newest]),
})} if {
	newest := images.facts(tag).newest
	tag.minor != ""
} else := {}
