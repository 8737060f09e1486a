# METADATA
# title: URL of a Redis in another namespace lacks the namespace
# description: |-
#   A host name without a namespace is resolved in the namespace of the pod. The Redis is in another namespace, so
#   the name does not resolve, or resolves to another Service with the same name.
# custom:
#   severity: warning
#   scope: repository
#   fix: adds the namespace
#   since: 0.1.0
#   remediation: Add the namespace to the URL.
#   references:
#     - Kubernetes, DNS for Services and Pods
package redisgitops.url["short-name"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" is in namespace \"%s\", but this pod is in \"%s\"; use \"%s.%s.svc\"", [host.service, there, host.namespace, host.service, there]),
	"resource": reference.resource,
	"path": reference.path,
	"absent": {"namespace": host.namespace, "name": host.service},
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
