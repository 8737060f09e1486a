# METADATA
# title: URL points to a single Redis pod
# description: |-
#   rfr-<name>-0 is the master only by chance. After a failover it is a replica, which rejects writes, and after a
#   restart it can be either.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Use a Service that selects the master, or query the sentinels.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:336, generateRedisStatefulSet
package redisgitops.url["pod-pinned"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains {
	"message": sprintf("\"%s\" is a single pod, which becomes a replica after the next failover; use the master Service", [name]),
	"resource": reference.resource,
	"path": reference.path,
} if {
	some reference in url.references
	some host in reference.hosts
	name := concat("", {n | some n in [host.pod, host.service]; regex.match(`^rfr-.*-[0-9]+$`, n)})
	name != ""
	not known(host, name)
}

# A Redis may be called so: then its Service is.
known(host, name) if {
	name == host.service
	count(services.namespaces(name)) > 0
}

# Pods of other operators that promote another one, by their headless Service.
deny contains {
	"message": sprintf("\"%s\" is a single pod, which becomes a replica after the next failover; use %s", [host.pod, remedy(redis)]),
	"resource": reference.resource,
	"path": reference.path,
} if {
	some reference in url.references
	not url.sentinel(reference)
	some host in reference.hosts
	host.pod != ""
	some i in url.redises(host)
	redis := data.repo.redis[i]
	not redis.kind in {"Deployment", "RedisFailover", "StatefulSet"} # a plain workload promotes none
	not redis.cluster
	redis.replicas > 1
	regex.match(`^-[0-9]+$`, trim_prefix(host.pod, redis.name))
}

remedy(redis) := sprintf("\"%s\"", [redis.writes[0].host]) if count(redis.writes) > 0

else := "the master Service"
