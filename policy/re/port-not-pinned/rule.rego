# METADATA
# title: Redis Enterprise chooses the port of the database
# description: |-
#   Without databasePort and databaseServicePort the operator chooses a port, and another one when the database is created
#   again: URLs in the repository then point to a closed port. Clients that read the port from the Secret of the database
#   follow it, and so does a cluster whose databaseServicePortPolicy is RedisDefaultPort, which serves each database on 6379.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set databasePort when the database is created (it cannot be changed later), or databaseServicePort, which the operator
#     knows since 7.22.0-17, or RedisDefaultPort in servicesRiggerSpec of the cluster.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L255-L256
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L723
package redisgitops.re["port-not-pinned"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.workloads

deny contains object.union(grave(clusters), {
	"message": "the operator chooses the port, and another one when the database is created again; set databasePort or databaseServicePort",
	"resource": r.id,
	"path": array.concat(d.path, ["databasePort"]),
}) if {
	some r in enterprise.databases
	d := enterprise.database(r.object)
	object.get(d.spec, "databasePort", 0) in {0, null}
	object.get(d.spec, "databaseServicePort", 0) in {0, null}
	clusters := enterprise.clusters_of(r)
	not default_port(clusters)
	not read_by_client(r)
}

# A cluster that is not in the repository may serve all databases on 6379.
grave([]) := {"severity": "info"}

grave(clusters) := {} if count(clusters) > 0

default_port(clusters) if {
	some c in clusters
	c.object.spec.servicesRiggerSpec.databaseServicePortPolicy == "RedisDefaultPort"
}

# A client reads the port from the Secret of the database.
read_by_client(r) if enterprise.secret(r) in read

read := {secret |
	some c in workloads.containers
	some e in c.object.env
	ref := e.valueFrom.secretKeyRef
	ref.key in {"port", "service_names"}
	secret := ref.name
} | {secret |
	some c in workloads.containers
	some e in c.object.envFrom
	secret := e.secretRef.name
}
