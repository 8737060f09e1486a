# METADATA
# title: Unknown Service type for Redis Enterprise databases
# description: |-
#   databaseServiceType is a list of cluster_ip, headless and load_balancer, separated by commas. The CRD accepts any string,
#   and the types of Kubernetes Services, such as ClusterIP, are none of these: the Services of the databases are missing.
# custom:
#   kinds: [RedisEnterpriseCluster]
#   since: 0.1.0
#   remediation: Write for example "cluster_ip,headless", which is the default.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L718
package redisgitops.re["service-type"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("%q is not a type of database Services; use %s", [word, meant(word)]),
	"path": ["spec", "servicesRiggerSpec", "databaseServiceType"],
} if {
	enterprise.owns(input)
	text := input.spec.servicesRiggerSpec.databaseServiceType
	is_string(text)
	text != ""
	some part in split(text, ",")
	word := trim_space(part)
	not word in types
}

types := {"cluster_ip", "headless", "load_balancer"}

meant(word) := type if {
	some type in types
	replace(type, "_", "") == replace(replace(lower(word), "-", ""), "_", "")
} else := "cluster_ip, headless and load_balancer, separated by commas"
