# METADATA
# title: Renamed command is required by the operator
# description: |-
#   Several components send commands under their original names. The operator: CONFIG for customConfig, SLAVEOF for
#   replication, INFO for the role, AUTH. Sentinels: SLAVEOF in a MULTI with CONFIG and CLIENT, PUBLISH and SUBSCRIBE
#   to discover each other. Replicas: PING, REPLCONF and PSYNC. The probes: PING and INFO; the shutdown script: SAVE.
#   If one of these is renamed, the cluster never becomes ready, or failover does not work. None of them sends
#   REPLICAOF or ROLE.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Only rename commands such as FLUSHALL, FLUSHDB, KEYS and DEBUG; restrict the others with an ACL.
#   since: 0.1.0
#   references:
#     - https://github.com/redis/redis/issues/2067
#     - https://github.com/redis/redis/issues/5589
#     - spotahome/redis-operator v1.2.4 and 632aa3da service/redis/client.go
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, the probes, generateRedisReadinessConfigMap and generateRedisShutdownConfigMap
#     - redis/redis 7.0 src/sentinel.c, sentinelSendSlaveOf and sentinelReconnectInstance; src/replication.c, syncWithMaster
package redisgitops.sec["rename-breaks-operator"]

# senders of the commands.
senders := {
	"AUTH": "the operator, sentinels and replicas send", "CLIENT": "sentinels send", "CONFIG": "the operator and sentinels send",
	"EXEC": "sentinels send", "INFO": "the operator and sentinels send", "MULTI": "sentinels send",
	"PING": "probes, sentinels and replicas send", "PSYNC": "replicas send", "PUBLISH": "sentinels send",
	"REPLCONF": "replicas send", "SAVE": "the shutdown script of a pod sends", "SLAVEOF": "the operator and sentinels send",
	"SUBSCRIBE": "sentinels send",
}

deny contains {
	"message": sprintf("%s %s by its original name; remove this entry", [senders[command], command]),
	"path": ["spec", "redis", "customCommandRenames", i, "from"],
} if {
	some i, rename in input.spec.redis.customCommandRenames
	command := upper(rename.from)
	senders[command]
	upper(object.get(rename, "to", "")) != command
}
