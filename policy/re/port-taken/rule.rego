# METADATA
# title: Two Redis Enterprise databases have the same port
# description: |-
#   The databasePort must be unique in a cluster: the operator does not create the second database. Databases that are
#   deployed together are compared, in one namespace and on one cluster.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use another databasePort, and databaseServicePort for the port that clients see.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L255-L256
package redisgitops.re["port-taken"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.group

deny contains {
	"message": sprintf("databasePort %d is already that of the database %q; use another one", [r.object.spec.databasePort, first.name]),
	"resource": r.id,
	"path": ["spec", "databasePort"],
	"related": [{"resource": first.id, "path": ["spec", "databasePort"], "message": "the other database"}],
} if {
	some ids in on_port
	first := data.repo.resources[min(ids)]
	some id in ids
	r := data.repo.resources[id]
	r.name != first.name
}

on_port := group.by([[[r.unit, r.set, r.namespace, enterprise.cluster_name(r.object), port], r.id] |
	some r in enterprise.databases
	r.kind == "RedisEnterpriseDatabase"
	port := r.object.spec.databasePort
	is_number(port)
])
