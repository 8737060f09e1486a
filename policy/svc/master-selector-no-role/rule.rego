# METADATA
# title: Master Service selects all pods
# description: |-
#   The operator labels the master with redisfailovers-role: master and moves the label on a failover. A Service
#   without it distributes connections over the master and the replicas, and most writes fail with READONLY.
# custom:
#   scope: repository
#   fix: 'suggested: adds the role to the selector'
#   since: 0.1.0
#   remediation: |-
#     Add redisfailovers-role: master to the selector.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/constants.go:33-35
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:114, generateRedisMasterService
package redisgitops.svc["master-selector-no-role"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("the Service \"%s\" selects all pods of \"%s\", but replicas are read-only; add redisfailovers-role: master to its selector", [s.service.name, redis.name]),
	"resource": s.service.id,
	"path": ["spec", "selector"],
	"related": [{"resource": redis.resource, "path": ["metadata", "name"], "message": "the Redis"}],
	"fix": {"path": ["spec", "selector", "redisfailovers-role"], "op": "add", "value": "master", "suggested": "clients that read from replicas through this Service then only reach the master"},
} if {
	some s in services.selecting
	s.role == "any"
	redis := data.repo.redis[s.redis]
	s.service.object.spec.selector["app.kubernetes.io/component"] == "redis"
	object.get(s.service.object, ["spec", "clusterIP"], "") != "None"
	for_writes(s.service.name)
	object.get(data.repo.resources[redis.resource].object, ["spec", "redis", "replicas"], 3) != 1
}

for_writes(name) if regex.match(`(^|-)(master|primary|leader|writer?|rw)(-|$)`, name)

# Or an address for writes names it.
for_writes(name) if addressed[name]

addressed := {key: value | some key, value in each_addressed}

each_addressed[host.service] if {
	some reference in url.references
	reference.scheme in {"redis", "rediss"}
	not regex.match(`(?i)READ|REPLICA|SLAVE`, reference.name)
	some host in reference.hosts
}
