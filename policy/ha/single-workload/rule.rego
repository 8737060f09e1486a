# METADATA
# title: Redis without an operator has a single pod
# description: |-
#   A StatefulSet or Deployment with one pod runs the only Redis: while the pod is rescheduled or its node is down, Redis is
#   unavailable, and nothing takes over. More replicas of the same StatefulSet are further masters, not copies. This is
#   acceptable for development and for a cache that may be empty.
# custom:
#   severity: "off"
#   strict: info
#   scope: repository
#   since: 0.2.0
#   remediation: |-
#     Use an operator or sentinels if downtime matters, as `redis-gitops generate resource --operator statefulset` does.
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
#     - Kubernetes, StatefulSets, "Deployment and Scaling Guarantees"
package redisgitops.ha["single-workload"]

deny contains {
	"message": sprintf("Redis \"%s\" has a single pod and nothing to fail over to; use an operator or sentinels if downtime matters", [r.name]),
	"resource": r.resource,
	"path": ["spec", "replicas"],
} if {
	some i, r in single
	not resource(r).unit in replicated
	not i in together
}

single := {i: r |
	some i, r in data.repo.redis
	r.kind in {"StatefulSet", "Deployment"}
	r.replicas == 1
	not r.cluster
	count(r.sentinels) == 0
}

resource(r) := data.repo.resources[r.resource]

# Those whose pods one Service selects: each pod of a replica set may have a StatefulSet of its own.
together := {i |
	some s in data.repo.resources
	s.kind == "Service"
	selector := object.get(s.object, ["spec", "selector"], {})
	count(selector) > 0
	behind := {i | some i, r in single; resource(r).namespace == s.namespace; selected(selector, resource(r).object)}
	count(behind) > 1
	some i in behind
}

selected(selector, object_) if {
	labels := object.get(object_, ["spec", "template", "metadata", "labels"], {})
	every key, value in selector { labels[key] == value }
}

# The charts and directories in which something replicates, watches, or makes a cluster: whatever that is, a pod is not alone there.
replicated := {r.unit |
	some r in data.repo.resources
	r.unit in {resource(s).unit | some s in single}
	r.kind in {"ConfigMap", "CronJob", "DaemonSet", "Deployment", "Job", "Pod", "Secret", "StatefulSet"}
	regex.match(`(?i)replicaof|slaveof|replication_mode|sentinel|cluster[-_]enabled|--cluster|masterauth`, json.marshal(r.object))
}
