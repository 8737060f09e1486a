# METADATA
# title: Sidekiq does not support Redis Cluster
# description: |-
#   Sidekiq accesses several keys at once, which a cluster rejects with CROSSSLOT if they are on different shards.
#   Its author states that clusters are not supported.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use a RedisFailover, or another Redis with a single master.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/614
#     - Sidekiq wiki, Using Redis
package redisgitops.rails["cluster-for-sidekiq"]

import data.redisgitops.lib.group
import data.redisgitops.lib.rails
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("\"%s\" is a Redis Cluster, which Sidekiq does not support; use Redis with Sentinel", [host.service]),
	"resource": reference.resource,
	"path": reference.path,
	"related": [{"resource": id, "path": ["kind"], "message": "the cluster"}],
} if {
	some reference in rails.sidekiq_references
	some host in reference.hosts
	some id in clusters[host.service]
	services.same_namespace(data.repo.resources[id].namespace, host.namespace)
}

clusters := {key: value | some key, value in each_clusters}

each_clusters := group.by([[concat("", [r.name, suffix]), r.id] |
	some r in data.repo.resources
	r.kind == "RedisCluster"
	some suffix in ["", "-leader", "-follower", "-master"]
])
