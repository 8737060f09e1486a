# METADATA
# title: URL of a Redis in another namespace lacks the namespace
# description: |-
#   A name without a namespace is looked up in the pod's own. The Redis is in another, so that the name does not resolve,
#   or finds another Service of that name.
# custom:
#   severity: warning
#   scope: repository
#   fix: adds the namespace
#   since: 0.1.0
#   remediation: Write the namespace into the address.
#   references:
#     - Kubernetes, DNS for Services and Pods
package redisgitops.url["short-name"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" is in the namespace \"%s\", and this pod in \"%s\"; write \"%s.%s.svc\"", [host.service, there, host.namespace, host.service, there]),
	"resource": reference.resource,
	"path": reference.path,
	"fix": url.replaced(reference, url.with_host(reference, host, concat("", [host.service, ".", there, ".svc", trim_prefix(host.text, host.service)]))),
} if {
	some reference in url.references
	some host in reference.hosts
	host.short
	host.pod == ""
	host.namespace != ""
	count(services.ways[host.service]) > 0
	found := services.namespaces(host.service)
	count(found) == 1
	some there in found
	there != ""
	there != host.namespace
}
