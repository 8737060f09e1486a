# METADATA
# title: URL has the wrong namespace
# description: |-
#   The Service is in another namespace than the URL says, so the host name does not resolve. The templates of
#   Reclaim the Stack hard-code .default.svc, which is wrong as soon as the application is deployed elsewhere.
# custom:
#   scope: repository
#   fix: 'suggested: sets the namespace of the Service'
#   since: 0.1.0
#   remediation: Use the namespace that the application is deployed to.
#   references:
#     - Reclaim the Stack, generators/resources/redis.yaml
package redisgitops.url["wrong-namespace"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" is in namespace \"%s\", not in \"%s\"; use \"%s\"", [host.service, there, host.namespace, url.full(host, host.service, there)]),
	"resource": reference.resource,
	"path": reference.path,
	"absent": {"namespace": host.namespace, "name": host.service},
	"fix": object.union(
		url.replaced(reference, url.with_host(reference, host, replace(host.text, sprintf("%s.%s", [host.service, host.namespace]), sprintf("%s.%s", [host.service, there])))),
		{"suggested": "a Service of that name may exist in the other namespace, created outside of this repository"},
	),
} if {
	some reference in url.references
	some host in reference.hosts
	not host.short
	found := services.namespaces(host.service)
	count(found) == 1
	some there in found
	there != ""
	there != host.namespace
}
