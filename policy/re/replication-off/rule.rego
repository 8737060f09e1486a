# METADATA
# title: Redis Enterprise database has no replicas
# description: |-
#   Without replication no shard has a replica: when a node fails, its shards are down until the node is back, and their
#   data is what was last written to disk. The default is false.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Set replication to true, which needs twice the memory.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L238
package redisgitops.re["replication-off"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("replication is %s, so no replica takes over when a node fails; set replication: true", [state]),
	"path": array.concat(d.path, ["replication"]),
} if {
	d := enterprise.database(input)
	state := states[object.get(d.spec, "replication", null)]
}

states := {false: "off", null: "not set and off by default"}
