# METADATA
# title: Redis has known vulnerabilities
# description: |-
#   A later release of the same line fixes vulnerabilities of this one. Several of them let clients run code, some without a
#   password. A release of the same line reads the same data, so the update only restarts the pods. The known releases and
#   vulnerabilities are those of the date in docs/images.md: no finding does not mean that there are none.
# custom:
#   severity: warning
#   strict: error
#   kinds: [redis]
#   since: 0.2.0
#   fix: sets the newest known release of the line
#   remediation: Update the image to the newest release of its line.
#   references:
#     - https://github.com/docker-library/official-images/pull/21922
#     - redis/docs content/operate/oss_and_stack/stack-with-enterprise/release-notes/redisce
#     - valkey-io/valkey 00-RELEASENOTES of each line
package redisgitops.op["image-vulnerable"]

import data.redisgitops.lib.images
import data.redisgitops.lib.known
import data.redisgitops.lib.places

deny contains object.union(
	{
		"message": sprintf("%s %s has %s; use %s", [p.tag.engine, images.text(p.tag), flaws(open), newest]),
		"path": p.path,
	},
	fix(p, newest),
) if {
	some p in places.releases
	facts := images.facts(p.tag)
	not facts.ended
	newest := facts.newest
	open := [f | some f in known.fixes[p.tag.engine][images.line(p.tag)]; patch(p.tag) < f[0]]
	count(open) > 0
}

# The patch as 1000 × patch + build.
patch(tag) := (1000 * to_number(tag.patch)) + build(tag) if tag.patch != ""

build(tag) := to_number(tag.build) if tag.build != ""

else := 0

flaws(open) := sprintf("%d known vulnerabilities, such as %s (%s)", [count(open), open[0][1], open[0][2]]) if count(open) > 1

else := sprintf("a known vulnerability, %s (%s)", [open[0][1], open[0][2]])

fix(p, newest) := {"fix": f} if f := images.update(p, newest)

else := {}
