# METADATA
# title: Plain-text password in Git
# description: |-
#   Everyone who can read the repository, or ever could, has the password: it remains in the history, in clones and
#   in pipeline logs. base64 hides nothing. The operator cannot rotate a password without downtime, so passwords tend
#   to stay in use for years.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: Seal it (SealedSecret, SOPS) or fetch it (ExternalSecret, Vault), and use a new password.
#   general: true
#   since: 0.1.0
#   references:
#     - https://kubernetes.io/docs/concepts/security/secrets-good-practices/
#     - https://github.com/spotahome/redis-operator/issues/568
package redisgitops.auth["secret-in-plain-text"]

import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the Secret contains \"%s\" in plain text; rotate it, then seal it or use an ExternalSecret", [concat("\", \"", keys)]),
	"resource": r.id,
	"path": [place],
} if {
	some r in data.repo.resources
	r.kind == "Secret"
	not contains(r.file, "templates/") # what a chart renders need not be in Git
	some place in ["stringData", "data"]
	keys := [key | some key in sort(object.keys(r.object[place])); sensitive(key); secrets.holds(r.object, place, key)]
	count(keys) > 0
}

deny contains {
	"message": sprintf("\"%s\" is in plain text; rotate the password, seal it in a Secret, and reference that in the chart", [path[count(path) - 1]]),
	"file": d.file,
	"document": d.document,
	"path": path,
} if {
	some [d, path] in secrets.in_values
}

sensitive(key) := regex.match(`(?i)pass|pwd|secret|token|credential|private`, key)
