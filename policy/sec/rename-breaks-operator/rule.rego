# METADATA
# title: A renamed command that the operator needs
# description: |-
#   The operator and the sentinels drive Redis by these commands, under their own names: CONFIG for customConfig,
#   SLAVEOF for failovers, INFO and ROLE to see who is the master, SAVE when a pod stops. Once renamed, the cluster
#   never becomes ready, or no failover works.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   remediation: Rename only commands such as FLUSHALL, FLUSHDB, KEYS and DEBUG; restrict the others by an ACL.
#   since: 0.1.0
#   references:
#     - https://github.com/redis/redis/issues/2067
#     - https://github.com/redis/redis/issues/5589
#     - spotahome/redis-operator v1.2.4 service/redis/client.go
#     - redis/redis src/sentinel.c, sentinelSendSlaveOf and sentinelReconnectInstance; src/replication.c, syncWithMaster
package redisgitops.sec["rename-breaks-operator"]

needed := {
	"AUTH", "CLIENT", "CONFIG", "EXEC", "INFO", "MULTI", "PING", "PSYNC", "PUBLISH", "REPLCONF", "REPLICAOF", "ROLE", "SAVE",
	"SLAVEOF", "SUBSCRIBE",
}

deny contains {
	"message": sprintf("the operator and the sentinels need %s; remove this entry", [upper(rename.from)]),
	"path": ["spec", "redis", "customCommandRenames", i, "from"],
} if {
	some i, rename in input.spec.redis.customCommandRenames
	upper(rename.from) in needed
	upper(object.get(rename, "to", "")) != upper(rename.from)
}
