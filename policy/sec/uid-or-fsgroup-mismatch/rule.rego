# METADATA
# title: Redis runs as a user that cannot write its volume
# description: |-
#   Without a containerSecurityContext, the operator runs the container as user 1000, regardless of the pod's
#   securityContext. A securityContext replaces the operator's entirely: without fsGroup, the volume belongs to root
#   and Redis cannot save (MISCONF).
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   fix: adds fsGroup with the user ID
#   remediation: Set runAsUser to 1000, or set containerSecurityContext too; and set fsGroup.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/139
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getSecurityContext and getContainerSecurityContext
package redisgitops.sec["uid-or-fsgroup-mismatch"]

pod := input.spec.redis.securityContext

container := object.get(input, ["spec", "redis", "containerSecurityContext"], null)

deny contains {
	"message": sprintf("runAsUser %v has no effect, because the operator runs the container as 1000; use 1000, or set containerSecurityContext", [pod.runAsUser]),
	"path": ["spec", "redis", "securityContext", "runAsUser"],
} if {
	container == null
	is_number(pod.runAsUser)
	pod.runAsUser != 1000
}

deny contains {
	"message": sprintf("without fsGroup the volume is owned by root, so user %v cannot save; add fsGroup", [user]),
	"path": ["spec", "redis", "securityContext", "fsGroup"],
	"fix": {"path": ["spec", "redis", "securityContext", "fsGroup"], "op": "add", "value": user},
} if {
	is_object(pod)
	is_object(input.spec.redis.storage.persistentVolumeClaim)
	object.get(pod, "fsGroup", null) == null
	user != 0
}

# user that Redis runs as: that of the container, then of the pod; undefined when the image decides.
user := 1000 if {
	container == null
} else := uid if {
	uid := container.runAsUser
} else := uid if {
	uid := pod.runAsUser
}
