# METADATA
# title: Redis without a password is exposed outside the cluster
# description: |-
#   Redis can be reached from outside of the cluster without a password. Open Redis servers are found within hours;
#   CONFIG SET and module loading expose more than the data.
# custom:
#   severity: error
#   scope: repository
#   remediation: Set spec.auth.secretPath to a Secret, and make the Service a ClusterIP.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/security/
package redisgitops.sec["exposed-without-auth"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.services

deny contains {
	"message": sprintf("%s exposes Redis \"%s\" outside the cluster without a password; set spec.auth.secretPath, or %s", [way.words, data.repo.redis[s.redis].name, way.advice]),
	"resource": s.service.id,
	"path": way.path,
	"related": [{"resource": data.repo.redis[s.redis].resource, "path": ["spec", "auth", "secretPath"], "message": "the Redis without a password"}],
} if {
	some s in services.selecting
	s.role != "sentinels"
	open(s.redis)
	some way in ways(s.service.object.spec)
}

deny contains {
	"message": "hostNetwork exposes Redis to everyone who can reach the node, without a password; set spec.auth.secretPath, or remove hostNetwork",
	"resource": r.id,
	"path": ["spec", "redis", "hostNetwork"],
} if {
	some r in redisfailover.all
	r.object.spec.redis.hostNetwork == true
	redisfailover.secret(r.object) == ""
}

# Of other operators, and of workloads that run Redis. What a file, a Secret or a script sets is not seen.
deny contains {
	"message": "hostNetwork exposes Redis to everyone who can reach the node, without a password; set a password, or remove hostNetwork",
	"resource": redis.resource,
	"path": array.concat(at, ["hostNetwork"]),
} if {
	some redis in data.repo.redis
	redis.secret == null
	at := object.get({"RedisCluster": ["spec"], "Deployment": ["spec", "template", "spec"], "StatefulSet": ["spec", "template", "spec"]}, redis.kind, [])
	count(at) > 0
	spec := object.get(data.repo.resources[redis.resource].object, at, {})
	spec.hostNetwork == true
	not regex.match(`(?i)pass|auth|acl|secret|envFrom|\.conf|"-c"`, json.marshal(object.remove(spec, ["serviceAccountName"])))
}

open(i) if redisfailover.secret(data.repo.resources[data.repo.redis[i].resource].object) == ""

ways(spec) := array.concat(
	[{"words": spec.type, "advice": "use type ClusterIP", "path": ["spec", "type"]} | spec.type in {"LoadBalancer", "NodePort"}; not restricted(spec)],
	[{"words": "externalIPs", "advice": "remove them", "path": ["spec", "externalIPs"]} | count(spec.externalIPs) > 0],
)

# A list of addresses that may come is a restriction, of the load balancer alone.
restricted(spec) if {
	spec.type == "LoadBalancer"
	count(spec.loadBalancerSourceRanges) > 0
}
