# METADATA
# title: Redis Enterprise rejects fields that exclude each other
# description: |-
#   Only one of license and licenseSecretName, and only one of ingressOrRouteSpec and the deprecated activeActive, can be set:
#   the operator rejects the cluster.
# custom:
#   kinds: [RedisEnterpriseCluster]
#   since: 0.1.0
#   remediation: Keep licenseSecretName, and ingressOrRouteSpec.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L528
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L543
package redisgitops.re["conflicting-fields"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("%s and %s exclude each other; remove %s", [pair[0], pair[1], pair[0]]),
	"path": ["spec", pair[0]],
	"related": [{"path": ["spec", pair[1]], "message": pair[1]}],
} if {
	enterprise.owns(input)
	some pair in [["license", "licenseSecretName"], ["activeActive", "ingressOrRouteSpec"]]
	every field in pair { given(field) }
}

given(field) if not object.get(input.spec, field, null) in {"", null}
