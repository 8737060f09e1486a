# METADATA
# title: labelWhitelist lets every label through
# description: |-
#   The entries are regular expressions that are searched in the names of labels: an empty one and .* are found in each.
#   One that is no regular expression is skipped with a line in the operator's log.
# custom:
#   kinds: [RedisFailover]
#   fix: writes "^$"
#   since: 0.1.0
#   remediation: Write the names of the labels as regular expressions with ^ and $, or ["^$"] for none.
#   references:
#     - spotahome/redis-operator operator/redisfailover/handler.go getLabels
package redisgitops.op["whitelist-matches-all"]

deny contains {
	"message": sprintf("\"%s\" is found in the name of every label; write \"^$\" to let none through", [pattern]),
	"path": ["spec", "labelWhitelist", i],
	"severity": "warning",
	"fix": {"path": ["spec", "labelWhitelist", i], "op": "set", "value": "^$"},
} if {
	some i, pattern in input.spec.labelWhitelist
	is_string(pattern)
	trim_right(trim_left(pattern, "^"), "$") in {"", ".*", ".+", "(.*)", "(.+)"}
	pattern != "^$"
}

deny contains {
	"message": sprintf("\"%s\" is no regular expression, so the operator skips it; correct it", [pattern]),
	"path": ["spec", "labelWhitelist", i],
} if {
	some i, pattern in input.spec.labelWhitelist
	is_string(pattern)
	not regex.is_valid(pattern)
}
