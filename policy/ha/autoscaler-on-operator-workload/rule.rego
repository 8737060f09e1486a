# METADATA
# title: Autoscaler conflicts with the operator
# description: |-
#   The operator owns the StatefulSet rfr-NAME and the Deployment rfs-NAME and resets their replicas every 30
#   seconds. Until then the autoscaler's value applies: pods come and go, and Redis fails over or resynchronizes each
#   time.
# custom:
#   severity: error
#   kinds: [HorizontalPodAutoscaler, ScaledObject]
#   remediation: Remove the autoscaler and set replicas in the RedisFailover.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/543
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisStatefulSet
package redisgitops.ha["autoscaler-on-operator-workload"]

deny contains {
	"message": sprintf("the operator resets the replicas of \"%s\" on every reconcile; remove the autoscaler and set replicas in the RedisFailover", [target.name]),
	"path": ["spec", "scaleTargetRef", "name"],
} if {
	target := input.spec.scaleTargetRef
	is_string(target.name)
	[object.get(target, "kind", "Deployment"), substring(target.name, 0, 4)] in {["StatefulSet", "rfr-"], ["Deployment", "rfs-"]}
}
