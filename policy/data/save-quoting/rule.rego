# METADATA
# title: save value is quoted in a way that Redis rejects
# description: |-
#   The only quoted value the operator supports is save "", with one blank. Other quotes are sent unchanged, and
#   Redis answers "Invalid save parameters". The operator stops reconciling there every time: pods are not updated
#   and sentinels are not repaired.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   fix: rewrites it in the form Redis accepts
#   remediation: Use save "" to disable snapshots, and numbers without quotes.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/682
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, getConfigParameters
package redisgitops.data["save-quoting"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("Redis rejects this save line, so the operator stops reconciling; use %s", [right(d)]),
	"path": ["spec", "redis", "customConfig", d.index],
	"fix": {"path": ["spec", "redis", "customConfig", d.index], "op": "set", "value": right(d)},
} if {
	some d in redisfailover.redis
	d.key == "save"
	regex.match(`["']`, d.value)
	d.text != `save ""`
}

right(d) := trim_space(sprintf("save %s", [bare(d)])) if bare(d) != ""

else := `save ""`

bare(d) := trim_space(regex.replace(d.value, `["']`, ""))
