# METADATA
# title: URL for writes points to the master and the replicas
# description: |-
#   The Service selects every pod of the Redis instance, and replicas reject writes with READONLY: some of the writes fail, depending on
#   the pod that a connection reaches. Only the Service of the master follows a failover.
# custom:
#   scope: repository
#   fix: 'suggested: sets the Service of the master'
#   since: 0.2.0
#   remediation: Use the Service of the master, or ask the sentinels.
#   references:
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/blob/5dd04e17/internal/k8sutils/redis-replication.go#L19-L74
#     - https://github.com/kubedb/docs/blob/dd66a58b/docs/guides/redis/sentinel/redis-sentinel.md
#     - https://github.com/bitnami/charts/blob/5165628a/bitnami/redis/templates/sentinel/service.yaml
package redisgitops.url["replicas-for-writes"]

import data.redisgitops.lib.services
import data.redisgitops.lib.url

deny contains object.union(
	{
		"message": sprintf("\"%s\" selects %s, which refuse writes; %s", [host.service, whom[e.role], remedy(redis)]),
		"resource": reference.resource,
		"path": reference.path,
		"related": [{"resource": redis.resource, "path": ["metadata", "name"], "message": "the Redis"}],
	},
	fix(reference, host, redis),
) if {
	some reference in url.references
	not url.sentinel(reference)
	not regex.match(`(?i)READ|REPLICA|SLAVE|SECONDARY|_RO(_|$)`, reference.name)
	some host in reference.hosts
	host.pod == ""
	not host.port in {26379, 9121}
	some e in services.behind(host.service, host.namespace)
	redis := data.repo.redis[e.redis]
	host.service in named(redis, e.role)
	whom[e.role]
	not startswith(host.service, "rfrs-") # of url/rfrs-for-writes
	redis.replicas > 1
	not redis.cluster
}

whom := {"any": "the master and the replicas", "reads": "the replicas"}

remedy(redis) := sprintf("use \"%s\" for writes", [redis.writes[0].host]) if {
	count(redis.writes) > 0
} else := sprintf("ask the sentinels at \"%s:%d\" for the master", [redis.sentinels[0].host, redis.sentinels[0].port]) if {
	count(redis.sentinels) > 0
} else := "ask the sentinels for the master, or add a Service that selects it"

fix(reference, host, redis) := {"fix": object.union(
	url.replaced(reference, url.with_host(reference, host, concat("", [redis.writes[0].host, trim_prefix(host.text, host.service)]))),
	{"suggested": "a client that only reads may use the replicas"},
)} if {
	count(redis.writes) > 0
	startswith(host.text, host.service)
} else := {}

named(redis, "any") := services.any_pod(redis)

named(redis, role) := {s.host | some s in redis[role]} if role != "any"
