# METADATA
# title: labelWhitelist matches every label
# description: |-
#   The entries are regular expressions that are matched anywhere in the names of labels: an empty one and .* match
#   every label. An invalid regular expression is skipped with a line in the operator's log.
# custom:
#   scope: repository
#   fix: sets "^$", or the labels that selectors in the repository use
#   since: 0.1.0
#   remediation: Anchor the label names with ^ and $, or use ["^$"] for none.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/handler.go:89, getLabels
package redisgitops.op["whitelist-matches-all"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.selectors

deny contains {
	"message": sprintf("\"%s\" matches every label; use \"%s\"%s", [pattern, right, purpose(wanted)]),
	"resource": r.id,
	"path": ["spec", "labelWhitelist", i],
	"severity": "warning",
	"fix": {"path": ["spec", "labelWhitelist", i], "op": "set", "value": right},
} if {
	some r in redisfailover.all
	some i, pattern in r.object.spec.labelWhitelist
	is_string(pattern)
	trim_right(trim_left(pattern, "^"), "$") in {"", ".*", ".+", "(.*)", "(.+)"}
	pattern != "^$"
	wanted := selectors.wanted(r)
	right := only(wanted)
}

deny contains {
	"message": sprintf("\"%s\" is not a valid regular expression, so the operator skips it; fix it", [pattern]),
	"resource": r.id,
	"path": ["spec", "labelWhitelist", i],
} if {
	some r in redisfailover.all
	some i, pattern in r.object.spec.labelWhitelist
	is_string(pattern)
	not regex.is_valid(pattern)
}

only(wanted) := "^$" if count(wanted) == 0

else := selectors.pattern([key | some key in wanted][0]) if count(wanted) == 1

else := sprintf("^(%s)$", [concat("|", [replace(key, ".", `\.`) | some key in sort(wanted)])])

purpose(wanted) := " to propagate none" if count(wanted) == 0

else := " to keep only the labels that selectors use"
