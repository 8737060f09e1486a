# METADATA
# title: customConfig entry lacks a value or has extra whitespace
# description: |-
#   The operator splits each entry of customConfig at single blanks, sends the first part as the name and the rest as
#   the value with CONFIG SET (SENTINEL SET) on every reconcile, and stops at the first entry that is rejected,
#   before it rolls out pods and repairs sentinels. An entry without a blank is malformed. A second blank, a tab, or
#   a trailing blank or newline becomes part of the value, which nearly every directive rejects. An entry of
#   spec.redis that starts with a blank has an empty name and is silently skipped: the directive keeps its default.
# custom:
#   kinds: [RedisFailover]
#   fix: separates the directive and its value by single spaces
#   since: 0.1.0
#   remediation: Write the directive and its value separated by one blank, without leading or trailing whitespace.
#   references:
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/checker.go, applyRedisCustomConfig
#     - spotahome/redis-operator v1.2.4 and 632aa3da service/redis/client.go, getConfigParameters, SetCustomRedisConfig and SetCustomSentinelConfig
package redisgitops.config.malformed

import data.redisgitops.lib.directives

entries := [e |
	some part in ["redis", "sentinel"]
	some i, text in input.spec[part].customConfig
	is_number(i)
	is_string(text)
	words := regex.split(`[ \t\r\n\v\f]+`, regex.replace(text, `^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$`, ""))
	e := {"part": part, "path": ["spec", part, "customConfig", i], "text": text, "words": words, "key": lower(words[0])}
]

deny contains object.union(
	{
		"message": sprintf("%s has no value, so the operator stops reconciling; use \"%s\"", shown(e)),
		"path": e.path,
	},
	separated(e),
) if {
	some e in entries
	not contains(e.text, " ")
}

deny contains object.union(
	{
		"message": sprintf("the entry of %s starts with a space, so the operator %s; remove the space", [e.key, consequence[e.part]]),
		"path": e.path,
	},
	joined(e),
) if {
	some e in entries
	startswith(e.text, " ")
	e.key != ""
}

deny contains {
	"message": "an empty entry is sent as an empty name, which sentinels reject; remove it",
	"path": e.path,
	"fix": {"path": e.path, "op": "remove"},
} if {
	some e in entries
	e.part == "sentinel"
	startswith(e.text, " ")
	e.key == ""
}

deny contains object.union(
	{
		"message": sprintf("the entry of %s contains whitespace that the operator sends as part of the %s, and it stops reconciling if that is rejected; separate the words by single spaces", [e.key, what(e)]),
		"path": e.path,
	},
	joined(e),
) if {
	some e in entries
	contains(e.text, " ")
	not startswith(e.text, " ")
	e.text != single(e)
	not kept(e)
}

consequence := {
	"redis": "ignores it and Redis keeps the default",
	"sentinel": "sends an empty name, which sentinels reject, and stops reconciling",
}

# single is the entry with single blanks.
single(e) := concat(" ", e.words)

# A fix is printed: none for passwords.
joined(e) := {} if secret(e)

else := {"fix": {"path": e.path, "op": "set", "value": single(e)}}

secret(e) if regex.match(`pass|auth|user`, e.key)

shown(e) := ["the entry", "DIRECTIVE VALUE"] if secret(e)

else := [sprintf("\"%s\"", [e.text]), meant(e)]

what(e) := "name" if {
	regex.match(`^[^ ]*[\t\r\n\v\f]`, e.text)
} else := "value"

# Values that may hold white space, and the quotes of save, which data/save-quoting repairs.
kept(e) if {
	e.key in directives.free_text
	regex.match(`^[^ \t\r\n\v\f]+ [^ \t\r\n\v\f](.*[^ \t\r\n\v\f])?$`, e.text)
}

kept(e) if {
	e.key in directives.split_by_redis
	regex.match(`^[^ ]+ [^ \t\r\n].*[^ \t\r\n]$`, e.text)
}

kept(e) if {
	e.key == "save"
	regex.match(`["']`, e.text)
}

# meant is the directive with the value that a tab, an equals sign or a colon sets apart.
meant(e) := concat(" ", m) if {
	m := pair(e)
} else := concat(" ", [trim_right(single(e), "=:"), "VALUE"]) if {
	trim_right(single(e), "=:") != ""
} else := "DIRECTIVE VALUE"

pair(e) := [m[1], m[2]] if {
	[m] := regex.find_all_string_submatch_n(`^([^=: ]+)[=: ]+([^=: ]+)$`, single(e), 1)
}

separated(e) := {"fix": {"path": e.path, "op": "set", "value": meant(e)}} if {
	[key, _] := pair(e)
	not secret(e)
	known[e.part][lower(key)]
} else := {}

known := {"redis": directives.since, "sentinel": {key: true | some key in directives.sentinel}}
