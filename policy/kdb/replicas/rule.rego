# METADATA
# title: KubeDB rejects the number of replicas or shards
# description: |-
#   The webhook rejects a Redis whose replicas do not fit its mode: 1 in mode Standalone, at least 3 shards and one replica
#   of each master in mode Cluster. In v1 and gitops.kubedb.com, cluster.replicas counts the master too, so it is at least 2;
#   in v1alpha2 it does not, and the shards are called master.
# custom:
#   kinds: [Redis]
#   since: 0.1.0
#   remediation: Use the number in the message, or another mode.
#   references:
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:268-298, validate
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1alpha2/conversion.go:681-699, RedisClusterSpec
package redisgitops.kdb.replicas

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("replicas is %v in mode Standalone, which the webhook rejects; use 1, or mode Sentinel", [n]),
	"path": ["spec", "replicas"],
} if {
	kubedb.redis(input)
	kubedb.field(input, "mode", "Standalone") in {"", "Standalone"}
	n := kubedb.field(input, "replicas", 1)
	is_number(n)
	n != 1
}

deny contains {
	"message": sprintf("%s is %v, which the webhook rejects; use %d or more", [key, n, least]),
	"path": ["spec", "cluster", key],
} if {
	kubedb.redis(input)
	input.spec.mode == "Cluster"
	some key, least in bounds
	n := input.spec.cluster[key]
	is_number(n)
	n < least
}

bounds := {"master": 3, "replicas": 1} if kubedb.old(input)

else := {"shards": 3, "replicas": 2}

deny contains {
	"message": sprintf("announce lists %d shards and the cluster has %v, which the webhook rejects; list each shard once", [count(announced), n]),
	"path": ["spec", "cluster", "announce", "shards"],
} if {
	clustered
	n := object.get(input.spec.cluster, "shards", 3)
	announced := input.spec.cluster.announce.shards
	is_array(announced)
	count(announced) != n
}

deny contains {
	"message": sprintf("announce lists %d endpoints and the shard has %v pods, which the webhook rejects; list each pod once", [count(shard.endpoints), n]),
	"path": ["spec", "cluster", "announce", "shards", i, "endpoints"],
} if {
	clustered
	n := object.get(input.spec.cluster, "replicas", 2)
	some i, shard in input.spec.cluster.announce.shards
	is_array(shard.endpoints)
	count(shard.endpoints) != n
}

clustered if {
	kubedb.redis(input)
	not kubedb.old(input)
	input.spec.mode == "Cluster"
}
