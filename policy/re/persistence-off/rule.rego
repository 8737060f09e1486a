# METADATA
# title: Redis Enterprise database is not persistent
# description: |-
#   Without persistence a database exists in memory only, although the nodes of the cluster have volumes: when all nodes
#   of its shards restart, or the cluster is recovered, the database comes back empty. The default is disabled. For a
#   cache this is acceptable: label it purpose: cache. Without such a label, an evictionPolicy that evicts any key
#   (allkeys-…) counts as a cache.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Set persistence, for example to aofEverySecond, or label a cache with purpose "cache".
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L239
#     - https://redis.io/docs/latest/operate/rs/databases/configure/database-persistence/
package redisgitops.re["persistence-off"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("persistence is %s, so all data is lost when the nodes restart; set it to aofEverySecond, or add the label purpose: cache if that is acceptable", [state]),
	"path": array.concat(d.path, ["persistence"]),
} if {
	d := enterprise.redis(input)
	state := states[object.get(d.spec, "persistence", "")]
	not enterprise.cache(input)
}

states := {"": "not set and disabled by default", "disabled": "disabled", null: "not set and disabled by default"}
