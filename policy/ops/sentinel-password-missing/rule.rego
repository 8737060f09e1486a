# METADATA
# title: Sentinels lack the password of the master
# description: |-
#   Sentinels without the password cannot authenticate at the master: they count it as down, see no replicas and never
#   fail over. A RedisSentinel has the password only in redisReplicationPassword, and the operator applies it with SENTINEL
#   SET only if it is a secretKeyRef. In spec.sentinel of a RedisReplication, redisSecret is the password of the master too,
#   not one of the sentinels, and the operator replaces it with the one in kubernetesConfig.redisSecret.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set redisSentinelConfig.redisReplicationPassword.secretKeyRef to the Secret and key in kubernetesConfig.redisSecret of
#     the RedisReplication, and remove spec.sentinel.redisSecret.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-sentinel.go:313-318, getSentinelEnvVariable
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/common/redis/heal.go:167-176, SentinelMonitor
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:131-147, buildSentinelEnv
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/779
package redisgitops.ops["sentinel-password-missing"]

import data.redisgitops.lib.opstree

deny contains object.union(f.grade, {
	"message": f.message,
	"resource": r.id,
	"path": array.concat(at, f.path),
	"related": [{"resource": replication.id, "path": ["spec", "kubernetesConfig", "redisSecret"], "message": "the password of the master"}],
}) if {
	some r in opstree.of_kind("RedisSentinel")
	replication := opstree.target(r)
	secret := replication.object.spec.kubernetesConfig.redisSecret
	is_object(secret)
	f := fault(object.get(r.object, at, null), secret)
}

at := ["spec", "redisSentinelConfig", "redisReplicationPassword"]

fault(null, _) := {
	"message": "the master has a password and the sentinels do not know it, so they never fail over; set redisReplicationPassword.secretKeyRef",
	"path": [],
	"grade": {},
}

fault(source, _) := {
	"message": "the operator only applies a password from a secretKeyRef, so the sentinels lose this one; use redisReplicationPassword.secretKeyRef",
	"path": [],
	"grade": {},
} if {
	is_object(source)
	not is_object(object.get(source, "secretKeyRef", null))
}

fault(source, secret) := {
	"message": sprintf("the master's password is in key \"%v\" of Secret \"%v\", not here; use that one", [secret.key, secret.name]),
	"path": ["secretKeyRef"],
	"grade": {"severity": "warning"},
} if {
	is_object(source.secretKeyRef)
	[source.secretKeyRef.name, source.secretKeyRef.key] != [secret.name, secret.key]
}

deny contains {
	"message": sprintf("spec.sentinel.redisSecret is a password for the master, which has the one in Secret \"%v\"; remove it, since the sentinels themselves cannot have a password", [secret.name]),
	"resource": r.id,
	"path": ["spec", "sentinel", "redisSecret"],
	"severity": "warning",
	"related": [{"resource": r.id, "path": ["spec", "kubernetesConfig", "redisSecret"], "message": "the password of the master"}],
} if {
	some r in opstree.of_kind("RedisReplication")
	opstree.embedded(r.object)
	own := r.object.spec.sentinel.redisSecret
	secret := r.object.spec.kubernetesConfig.redisSecret
	[own.name, own.key] != [secret.name, secret.key]
}
