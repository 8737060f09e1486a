# METADATA
# title: URL has two schemes
# description: |-
#   Client libraries parse everything after the first :// as the host, so the connection fails because the host name
#   does not resolve. The documentation of Reclaim the Stack shows such a URL.
# custom:
#   scope: repository
#   fix: removes the first scheme
#   since: 0.1.0
#   remediation: Keep one scheme.
#   references:
#     - Reclaim the Stack, the page about Redis
package redisgitops.url["double-scheme"]

import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" has two schemes; use \"%s\"", [match, second]),
	"resource": t.resource,
	"path": t.path,
	"fix": {"path": t.path, "op": "set", "value": replace(t.text, match, second)},
} if {
	some t in url.texts
	contains(t.text, "://")
	[[match, second]] := regex.find_all_string_submatch_n(`\b[a-z][a-z+-]*://((?:rediss?|valkeys?|redis-sentinel|rediss?\+sentinel|sentinel)://)`, t.text, 1)
}
