# METADATA
# title: Redis Enterprise cluster of the database does not exist
# description: |-
#   A database names the RedisEnterpriseCluster it runs on, and an Active-Active database the RedisEnterpriseRemoteClusters
#   that participate. The operator does not create a database whose cluster it does not find. A name is reported where the
#   repository has clusters, but none of that name.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: Correct the name, or add the cluster to the repository.
#   references:
#     - https://redis.io/docs/latest/operate/kubernetes/re-databases/db-controller/
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_active_active_database_api.md
package redisgitops.re["cluster-missing"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.words

deny contains object.union(grave(near), {
	"message": sprintf("no %s %q is in the repository; %s", [w.kind, w.name, advice(near, w.known)]),
	"resource": w.resource,
	"path": w.path,
	"absent": {"namespace": "", "name": w.name},
}) if {
	some w in wanted
	count(w.known) > 0
	not w.name in w.known
	near := nearly(w.name, w.known)
}

# Of many names, none is compared.
nearly(name, known) := words.near(name, known) if count(known) <= enterprise.most

else := []

# A name that is nearly right is a slip.
grave([]) := {}

grave(near) := {"severity": "error"} if count(near) > 0

advice(near, _) := sprintf("did you mean %q?", [near[0]]) if count(near) > 0

advice([], known) := sprintf("existing: %q", [sort(known)[0]]) if count(known) == 1

advice([], known) := "correct the name, or add it" if count(known) > 1

# wanted are the clusters that databases name: {"resource", "path", "kind", "name", "known"}.
wanted := array.concat(
	[{"resource": r.id, "path": ["spec", "redisEnterpriseCluster", "name"], "kind": "RedisEnterpriseCluster", "name": name, "known": names} |
		some r in enterprise.databases
		name := enterprise.cluster_name(r.object)
		name != ""
	],
	[{"resource": r.id, "path": ["spec", "participatingClusters", i, "name"], "kind": "RedisEnterpriseRemoteCluster", "name": c.name, "known": remotes} |
		some r in enterprise.databases
		r.kind == "RedisEnterpriseActiveActiveDatabase"
		some i, c in r.object.spec.participatingClusters
		is_string(c.name)
	],
)

names := {c.name | some c in enterprise.clusters}

remotes := {r.name |
	some r in data.repo.resources
	r.kind == "RedisEnterpriseRemoteCluster"
	enterprise.owns(r.object)
}
