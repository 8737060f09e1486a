# METADATA
# title: Password in a connection URL
# description: |-
#   A password in a URL is stored in plain text in Git, in the pod, and in every log that prints the URL.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   remediation: Read the password from a Secret, as REDIS_PASSWORD, and use $(REDIS_PASSWORD) in the URL.
#   since: 0.1.0
#   references:
#     - https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
package redisgitops.auth["password-in-url"]

import data.redisgitops.lib.url
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("the URL in \"%s\" contains a password; read it from a Secret and use $(REDIS_PASSWORD) instead", [u.name]),
	"resource": u.resource,
	"path": u.path,
} if {
	some u in url.references
	data.repo.resources[u.resource].kind in (object.keys(workloads.pod_paths) | {"ConfigMap"})
	[[_, password]] := regex.find_all_string_submatch_n(`^[^:]*:(.+)$`, u.user, 1)
	not regex.match(`^(\$[({]|_|%|<|\*)`, password) # filled in later
}
