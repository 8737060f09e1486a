# METADATA
# title: RedisSentinel watches a RedisReplication that is missing
# description: |-
#   The operator creates the sentinels only when the RedisReplication in redisReplicationName is ready, and looks for it in
#   the namespace of the RedisSentinel. Until then it tries again every ten seconds and nothing fails over. Without
#   redisSentinelConfig the sentinels start and monitor no master. A name is reported where the repository has other
#   RedisReplications for the namespace, or that one in another namespace.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set redisSentinelConfig.redisReplicationName to the name of a RedisReplication in the same namespace.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redissentinel/redissentinel_controller.go:94-97, reconcileReplication, and :119
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-replication.go:255-277, IsRedisReplicationReady
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-sentinel.go:322-342, getRedisReplicationMasterPod
package redisgitops.ops["sentinel-target-missing"]

import data.redisgitops.lib.group
import data.redisgitops.lib.opstree
import data.redisgitops.lib.secrets

deny contains {
	"message": "redisReplicationName is not set, so the sentinels monitor no master; set it to the name of the RedisReplication",
	"resource": r.id,
	"path": ["spec", "redisSentinelConfig", "redisReplicationName"],
} if {
	some r in opstree.of_kind("RedisSentinel")
	unset(r.object)
}

# A mapping without the name violates the CRD, which op/invalid-value reports.
unset(resource) if not is_object(object.get(resource, ["spec", "redisSentinelConfig"], null))

unset(resource) if resource.spec.redisSentinelConfig.redisReplicationName == ""

deny contains {
	"message": sprintf("no RedisReplication \"%s\" is in the repository for this namespace, and without it the operator creates no sentinels; %s", [name, advice(near, others, elsewhere)]),
	"resource": r.id,
	"path": ["spec", "redisSentinelConfig", "redisReplicationName"],
	"absent": {"namespace": r.namespace, "name": name},
	"related": [{"resource": o.id, "path": ["metadata", "name"], "message": sprintf("RedisReplication \"%s\"", [o.name])} | some o in array.concat(near, elsewhere)],
} if {
	some r in opstree.of_kind("RedisSentinel")
	name := r.object.spec.redisSentinelConfig.redisReplicationName
	is_string(name)
	name != ""
	count(opstree.named("RedisReplication", name, r)) == 0
	not opstree.charts[r.namespace]
	others := [o | some i in object.get(by_place, [place(r)], []); o := opstree.all[i]; secrets.meets(o, r)]
	near := [o | some o in others; count(secrets.deletions(o.name) & secrets.deletions(name)) > 0]
	elsewhere := [o | some i in object.get(opstree.by_name, [["RedisReplication", name, "*"]], []); o := opstree.all[i]; secrets.meets(o, r)]
	count(others) + count(elsewhere) > 0
}

# place is the namespace, or the directory where that is unknown.
place(r) := ["namespace", r.namespace] if r.namespace != ""

else := ["unit", r.unit, r.set]

by_place := opstree.first(group.by([[place(r), i] |
	some i, r in opstree.all
	r.kind == "RedisReplication"
]))

advice(near, others, elsewhere) := sprintf("did you mean \"%s\"?", [near[0].name]) if {
	count(near) > 0
} else := sprintf("the one in namespace \"%s\" is not used, so move one of the two", [elsewhere[0].namespace]) if {
	count(elsewhere) > 0
} else := sprintf("did you mean \"%s\"?", [others[0].name]) if {
	count(others) == 1
} else := "correct the name"
