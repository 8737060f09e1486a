package export

import (
	"encoding/json"
	"strings"
)

// Ignored is an entry of the configuration that suppresses findings without naming files, as an export has no files.
type Ignored struct {
	Rule     string `json:"rule"`     // a rule, or a category as "auth/*"
	Resource string `json:"resource"` // Kind/name or a name; "" is all
	Until    string `json:"until"`    // the last day, as 2027-01-31; "" is without end
}

// suppressedFile holds the rules about suppressions of an export.
const suppressedFile = "suppressed.rego"

// suppressed reads suppressions as lint does (lint/suppress.go): those of annotations, and those of the configuration, none without a
// reason, none of a frozen rule, and none after its last day.
const suppressed = `# Made by redis-gitops policy export: what the annotations ignore.redis-gitops.io/CATEGORY.RULE of a resource, and
# the configuration, suppress. "not_after" is the last moment.
package redisgitops.suppressed

# finding says whether what a rule finds in an object is suppressed.
finding(rule, object) if {
	some key, text in object.metadata.annotations
	pattern := rule_of(key)
	covers(pattern, rule)
	not frozen(rule)
	is_string(text)
	parts := [trim_space(part) | some part in split(text, ";")]
	reasons := [part | some part in parts; part != ""; not startswith(part, "until=")]
	count(reasons) > 0
	days := [trim_prefix(part, "until=") | some part in parts; regex.match(` + "`^until=\\S*$`" + `, part)]
	lasts(array.concat([""], days))
}

finding(rule, object) if {
	some entry in configured
	covers(entry.rule, rule)
	not frozen(rule)
	lasts([entry.until])
	named(entry.resource, object)
}

rule_of(key) := concat("/", [substring(rest, 0, i), substring(rest, i + 1, -1)]) if {
	startswith(key, "ignore.redis-gitops.io/")
	rest := trim_prefix(key, "ignore.redis-gitops.io/")
	i := indexof(rest, ".")
	i > 0
}

covers(pattern, rule) if pattern == rule

covers(pattern, rule) if {
	endswith(pattern, "/*")
	trim_suffix(pattern, "/*") == split(rule, "/")[0]
}

# lasts of days: the last one counts, and "" has no end.
lasts(days) if days[count(days) - 1] == ""

lasts(days) if {
	last := days[count(days) - 1]
	regex.match(` + "`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`" + `, last)
	exists(last)
	last >= time.format([time.now_ns(), "UTC", "2006-01-02"])
}

# exists says whether a day does, in a year of the same calendar: OPA has no time after 2262.
exists(day) if {
	year := ((to_number(substring(day, 0, 4)) + 200) % 400) + 1800
	time.parse_ns("2006-01-02", sprintf("%d%s", [year, substring(day, 4, -1)]))
}

named("", _)

named(resource, object) if resource == object.metadata.name

named(resource, object) if resource == concat("/", [object.kind, object.metadata.name])

frozen(rule) if {
	some pattern in frozen_rules
	covers(pattern, rule)
}
`

// suppressions returns the module that says what is suppressed.
func (x *exporter) suppressions() (string, error) {
	list := func(name string, of any) (string, error) {
		text, err := json.Marshal(of)
		return "\n" + name + " := " + string(text) + "\n", err
	}
	configured, err := list("configured", append([]Ignored{}, x.Ignore...))
	if err != nil {
		return "", err
	}
	frozen, err := list("frozen_rules", append([]string{}, x.Frozen...))
	return strings.Join([]string{suppressed, configured, frozen}, ""), err
}
