# METADATA
# title: Renamed command is required by the operator
# description: |-
#   Who drives Redis sends commands under their own names. The operator: CONFIG for customConfig, SLAVEOF to say who
#   follows whom, INFO to see who does, AUTH. Sentinels: SLAVEOF in a MULTI with CONFIG and CLIENT, PUBLISH and SUBSCRIBE
#   to find each other. Replicas: PING, REPLCONF and PSYNC. The probes: PING and INFO; the script of a pod that stops:
#   SAVE. Once renamed, the cluster never becomes ready, or no failover works. REPLICAOF and ROLE are sent by none of them.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Rename only commands such as FLUSHALL, FLUSHDB, KEYS and DEBUG; restrict the others by an ACL.
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
	"message": sprintf("%s %s under its own name; remove this entry", [senders[command], command]),
	"path": ["spec", "redis", "customCommandRenames", i, "from"],
} if {
	some i, rename in input.spec.redis.customCommandRenames
	command := upper(rename.from)
	senders[command]
	upper(object.get(rename, "to", "")) != command
}
