# METADATA
# title: Image lacks the entrypoint that the operator relies on
# description: |-
#   By default the operator passes password, persistence, TLS and ports as environment variables, which only the entrypoint of
#   the images quay.io/opstree/redis and redis-sentinel turns into a configuration. Another image starts with its own
#   defaults: without the password, without persistence, and as a server instead of a sentinel. With the feature gate
#   GenerateConfigInInitContainer the operator writes the configuration itself, except for spec.sentinel of a
#   RedisReplication.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Use quay.io/opstree/redis and quay.io/opstree/redis-sentinel, or set featureGates.GenerateConfigInInitContainer in the
#     chart of the operator.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/features/features.go:18
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:495-503, generateContainerDef
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/controller/redisreplication/redisreplication_sentinel.go:104-125, buildSentinelContainer
package redisgitops.ops["upstream-image"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("\"%s\" ignores the password and other settings that the operator passes; use an image of quay.io/opstree/%s, or switch on the operator's feature gate GenerateConfigInInitContainer", [image, own(r.kind)]),
	"resource": r.id,
	"path": ["spec", "kubernetesConfig", "image"],
	"absent": {},
} if {
	some r in opstree.all
	image := r.object.spec.kubernetesConfig.image
	foreign(image)
	not opstree.gate
}

deny contains {
	"message": sprintf("\"%s\" ignores the settings that the operator passes, so no sentinel starts; use an image of quay.io/opstree/redis-sentinel", [image]),
	"resource": r.id,
	"path": ["spec", "sentinel", "image"],
} if {
	some r in opstree.all
	opstree.embedded(r.object)
	image := r.object.spec.sentinel.image
	foreign(image)
}

own(kind) := "redis-sentinel" if kind == "RedisSentinel"

else := "redis"

# Images that are known to have another entrypoint: of Docker Hub and its mirrors. What a private registry has under the name redis
# may be a copy of OpsTree's.
foreign(image) if regex.match(`^((docker|index\.docker|registry-1\.docker)\.io/)?(redis|valkey|redis-stack|redis-stack-server)([:@]|$)`, image)

foreign(image) if regex.match(`(^|/)(library/redis|bitnami[a-z]*/(redis|redis-cluster|redis-sentinel|valkey)|valkey/valkey|redis/redis-stack(-server)?)([:@]|$)`, image)
