# METADATA
# title: Example values in the template are outdated
# description: |-
#   The comment at the top of a template shows the values that its generator wrote. In a template copied from another
#   application it shows that application's URLs, and copying them connects to the wrong Redis.
# custom:
#   severity: info
#   scope: repository
#   once: application
#   since: 0.1.0
#   remediation: Regenerate the template, or correct the comment.
#   references:
#     - Reclaim the Stack, k generate resource
package redisgitops.val["header-stale"]

deny contains {
	"message": sprintf("the example refers to the Redis of \"%s\", but this is \"%s\"; regenerate the template, or fix the comment", [host, a.chart.name]),
	"file": header.file,
	"line": header.line + i,
} if {
	some a in data.repo.applications
	a.kind == "chart"
	some header in a.headers
	some i, text in header.lines
	contains(text, "://")
	[[_, host]] := regex.find_all_string_submatch_n(`(?:redis|rediss|redis-sentinel|redis\+sentinel)://(?:[^@/"]*@)?(?:rf(?:s|rm|rs|r)-)?([a-z0-9-]+)`, text, 1)
	not named(host, a.chart.name)
	some other in named_like(host)
	other in names
}

names := {a.chart.name | some a in data.repo.applications; a.kind == "chart"}

named(host, name) if host == name

named(host, name) if startswith(host, concat("", [name, "-"]))

# named_like are the charts that a Redis of that name may belong to: names get suffixes after the chart's.
named_like(host) := {concat("-", array.slice(words, 0, n)) | some n in numbers.range(1, count(words))} if words := split(host, "-")
