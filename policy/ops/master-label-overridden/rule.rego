# METADATA
# title: Label of the resource replaces one of the operator
# description: |-
#   Labels of the resource override those that the operator gives its pods. Its PodDisruptionBudget, its metrics Service and
#   the resizing of its volumes still select the original value of app, role and redis_setup_type, so they find no pod; a
#   RedisCluster with another redis_setup_type also loses the endpoints of its master Service.
# custom:
#   severity: warning
#   strict: error
#   kinds: [Redis, RedisCluster, RedisReplication, RedisSentinel]
#   fix: 'suggested: removes the label'
#   since: 0.1.0
#   remediation: Remove the label, or use a key such as app.kubernetes.io/name. All pods restart when a label changes.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/common/labels.go:12-26, GetRedisLabels
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/poddisruption.go:89-92 and :116-119
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-replication.go:69-70, the metrics Service
package redisgitops.ops["master-label-overridden"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("label \"%s\" replaces the one of the operator, whose PodDisruptionBudget and metrics Service then select no pod; remove or rename it", [label]),
	"path": ["metadata", "labels", label],
	"key": true,
	"fix": {"path": ["metadata", "labels", label], "op": "remove", "suggested": "a changed label restarts all pods"},
} if {
	opstree.owns(input)
	some label, value in input.metadata.labels
	some own in originals
	own[label] != value
}

# originals are the labels of the operator, one set for each StatefulSet.
originals := [{"app": concat("", [input.metadata.name, suffix]), "redis_setup_type": setup, "role": role} |
	some [suffix, setup, role] in of[input.kind]
]

of := {
	"Redis": [["", "standalone", "standalone"]],
	"RedisCluster": [["-leader", "cluster", "leader"], ["-follower", "cluster", "follower"]],
	"RedisReplication": [["", "replication", "replication"]],
	"RedisSentinel": [["-sentinel", "sentinel", "sentinel"]],
}
