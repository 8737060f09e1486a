# METADATA
# title: Password is a placeholder
# description: |-
#   A Secret copied from an example and applied unchanged protects nothing: these passwords are the first that
#   attackers try.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: Generate a password and seal it.
#   general: true
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 example/redisfailover
package redisgitops.auth["password-placeholder"]

import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("\"%s\" is a placeholder; use a generated, sealed password", [key]),
	"resource": r.id,
	"path": [place, key],
} if {
	some r in data.repo.resources
	r.kind == "Secret"
	some place in ["stringData", "data"]
	some key, _ in r.object[place]
	regex.match(`(?i)pass|pwd|secret|token|credential`, key)
	secrets.placeholder(secrets.value(r.object, key))
}

deny contains {
	"message": sprintf("\"%s\" is a placeholder; use a generated, sealed password", [path[count(path) - 1]]),
	"file": d.file,
	"document": d.document,
	"path": path,
} if {
	some [d, path] in secrets.in_values
	secrets.placeholder(object.get(d.data, path, ""))
}
