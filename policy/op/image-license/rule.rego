# METADATA
# title: License of the image is not allowed here
# description: |-
#   Redis 7.4 is not open source: its licenses forbid offering it as a service. Redis 8 adds AGPL-3.0, and Valkey kept the
#   license of Redis 7.2. The rule is off until the configuration enables it; its option allowed lists licenses by SPDX
#   identifier, by default those of open source.
# custom:
#   severity: "off"
#   kinds: [redis]
#   since: 0.2.0
#   remediation: Use a release under an allowed license, or allow the license.
#   references:
#     - redis/redis LICENSE.txt
#     - valkey-io/valkey COPYING
package redisgitops.op["image-license"]

import data.redisgitops.lib.images
import data.redisgitops.lib.places

deny contains {
	"message": sprintf("%s %s is licensed under %s, which is not allowed here; use an allowed release, or add the license to allowed", [p.tag.engine, images.line(p.tag), license]),
	"path": p.path,
} if {
	some p in places.releases
	license := images.facts(p.tag).license
	count({l | some l in split(license, " OR ")} & allowed) == 0
}

allowed := {l | some l in data.settings.options["op/image-license"].allowed} if {
	data.settings.options["op/image-license"].allowed
} else := {"AGPL-3.0-only", "Apache-2.0", "BSD-3-Clause", "MIT"}
