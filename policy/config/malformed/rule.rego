# METADATA
# title: An entry of customConfig has no value
# description: |-
#   The operator sends each entry of customConfig as CONFIG SET on every loop and stops at the first that Redis refuses,
#   before it rolls out pods and looks after sentinels: an entry without a blank is refused as malformed, and until it is
#   corrected no change reaches the pods and no lost sentinel is repaired.
# custom:
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Write the directive and its value with a blank between them.
#   references:
#     - spotahome/redis-operator operator/redisfailover/checker.go applyRedisCustomConfig, service/redis/client.go getConfigParameters
package redisgitops.config.malformed

deny contains {
	"message": sprintf("\"%s\" is a directive without a value, at which the operator stops; write it as \"%s\"", [entry, meant(entry)]),
	"path": ["spec", part, "customConfig", i],
} if {
	some part in ["redis", "sentinel"]
	some i, entry in input.spec[part].customConfig
	is_number(i)
	is_string(entry)
	not contains(entry, " ")
}

# meant is the directive with the value that an equals sign or a colon sets apart.
meant(entry) := concat(" ", [m[1], m[2]]) if {
	[m] := regex.find_all_string_submatch_n(`^([^=:]+)[=:]+([^=:]+)$`, entry, 1)
} else := concat(" ", [trim_right(entry, "=:"), "VALUE"]) if {
	trim_right(entry, "=:") != ""
} else := "DIRECTIVE VALUE"
