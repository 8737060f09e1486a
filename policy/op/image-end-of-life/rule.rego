# METADATA
# title: Release line of Redis gets no more security fixes
# description: |-
#   Nobody fixes vulnerabilities of this release line any more, so each one found since its end stays open. A later line reads
#   its data, but the way back is closed once a later line has written a dump.
# custom:
#   severity: warning
#   kinds: [redis]
#   since: 0.2.0
#   remediation: Move to a supported line, one instance at a time, with a backup of the data.
#   references:
#     - https://endoflife.date/redis
#     - valkey-io/valkey-doc topics/releases.md
package redisgitops.op["image-end-of-life"]

import data.redisgitops.lib.images
import data.redisgitops.lib.places

deny contains {
	"message": sprintf("%s %s has had no security fixes since %s; use %s or a later line", [p.tag.engine, images.line(p.tag), facts.ended, facts.next]),
	"path": p.path,
} if {
	some p in places.releases
	facts := images.facts(p.tag)
	facts.ended
	not reported(p)
}

# op/image-below-6 reports Redis, whose sentinels run the same.
reported(p) if {
	input.kind == "RedisFailover"
	images.major(input.spec.redis.image) < 6
	images.major(p.image) < 6
}
