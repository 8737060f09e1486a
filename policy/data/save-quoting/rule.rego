# METADATA
# title: save value is quoted in a way that Redis rejects
# description: |-
#   The only quoted value the Spotahome operator supports is save "", with one blank; OpsTree's supports none: "save "
#   with a blank at the end disables snapshots in dynamicConfig. Other quotes are sent unchanged, and
#   Redis answers "Invalid save parameters". The operator stops reconciling there every time: pods are not updated
#   and sentinels are not repaired.
# custom:
#   severity: error
#   kinds: [redis]
#   fix: rewrites it in the form Redis accepts
#   remediation: |-
#     Use save "" to disable snapshots ("save " with a blank in dynamicConfig of OpsTree), and numbers without quotes.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/682
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, getConfigParameters
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis.go, applyDynamicConfig; tried with redis-server 7.0.15
package redisgitops.data["save-quoting"]

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("Redis rejects this save line, so the operator stops reconciling; use %s", [shown(right(d))]),
	"path": d.path,
	"fix": {"path": d.path, "op": "set", "value": right(d)},
} if {
	some d in redis.entries
	d.key == "save"
	regex.match(`["']`, d.value)
	d.text != nothing
}

shown("save ") := `"save " with the blank`

shown(text) := text if text != "save "

right(d) := trim_space(sprintf("save %s", [bare(d)])) if bare(d) != ""

else := nothing

nothing := "save " if redis.server.config.percent

else := `save ""`

bare(d) := trim_space(regex.replace(d.value, `["']`, ""))
