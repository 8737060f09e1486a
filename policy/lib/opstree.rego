# The resources of the OpsTree operator, and what it makes of their fields. Source: OT-CONTAINER-KIT/redis-operator at 5dd04e17.
package redisgitops.lib.opstree

import data.redisgitops.lib.group
import data.redisgitops.lib.secrets

# Whether a resource belongs to the operator: KubeDB and Alauda have a Redis and a RedisSentinel too.
owns(resource) if startswith(resource.apiVersion, "redis.redis.opstreelabs.in/")

# Its resources in the repository.
all := [r | some r in data.repo.resources; owns(r)]

of_kind(kind) := [r | some r in all; r.kind == kind]

# The number of sentinels of a RedisReplication's own; undefined without any (redisreplication_types_helper.go:5-7, EnableSentinel).
embedded(resource) := n if {
	resource.kind == "RedisReplication"
	n := resource.spec.sentinel.size
	is_number(n)
	n > 0
}

# Whether a storage has a PVC (internal/k8sutils/statefulset.go:274-280, storageHasVolumeClaimTemplate). A RedisCluster also needs
# persistenceEnabled.
claims(storage) if {
	some field in [["accessModes"], ["resources", "requests"], ["storageClassName"], ["volumeName"]]
	not object.get(storage, array.concat(["volumeClaimTemplate", "spec"], field), null) in [null, "", [], {}]
}

# The resources of a kind and name that may be in the namespace of a resource.
named(kind, name, r) := [other |
	some i in sort({i | some namespace in near(r.namespace); some i in object.get(by_name, [[kind, name, namespace]], [])})
	other := all[i]
	secrets.meets(other, r)
]

near("") := {"*"}

near(namespace) := {namespace, ""} if namespace != ""

by_name := first(group.by([[[r.kind, r.name, namespace], i] |
	some i, r in all
	some namespace in [r.namespace, "*"]
]))

# The RedisReplication that a RedisSentinel surely watches: of the same directory, or else of the same namespace.
target(r) := found if {
	name := r.object.spec.redisSentinelConfig.redisReplicationName
	candidates := named("RedisReplication", name, r)
	[found] := sure([o | some o in candidates; o.unit == r.unit], [o | some o in candidates; o.namespace == r.namespace; o.namespace != ""])
}

sure(beside, others) := beside if count(beside) > 0

else := others

# The RedisSentinels that watch a RedisReplication.
watching(r) := [other |
	some i in sort({i | some namespace in near(r.namespace); some i in object.get(by_target, [[r.name, namespace]], [])})
	other := all[i]
	secrets.meets(other, r)
]

by_target := first(group.by([[[r.object.spec.redisSentinelConfig.redisReplicationName, namespace], i] |
	some i, r in all
	r.kind == "RedisSentinel"
	some namespace in [r.namespace, "*"]
]))

# Only so many are compared, so that the work stays linear.
first(index) := {key: array.slice(sort(found), 0, secrets.most) | some key, found in index}

# The namespaces that a chart from elsewhere is installed into, which may create any resource.
charts := {namespace: true |
	some r in data.repo.resources
	some namespace in destinations(r)
}

destinations(r) := {r.namespace, object.get(r.object, ["spec", "targetNamespace"], r.namespace)} if {
	r.kind == "HelmRelease"
} else := {r.object.spec.destination.namespace} if {
	r.kind == "Application"
	some source in array.concat([object.get(r.object, ["spec", "source"], {})], object.get(r.object, ["spec", "sources"], []))
	source.chart
} else := set()

# The repository switches on the feature gate GenerateConfigInInitContainer of the operator (internal/features/features.go:18): its
# init container writes the configuration, which otherwise only the entrypoint of OpsTree's images does.
gate if {
	some r in data.repo.resources
	r.kind in {"Application", "ApplicationSet", "ConfigMap", "Deployment", "HelmChart", "HelmChartConfig", "HelmRelease"}
	regex.match(switched_on, json.marshal(r.object))
}

gate if {
	some d in data.repo.documents
	regex.match(switched_on, json.marshal(d.data))
}

# In an argument, in values, in values as text, and in a parameter of Argo CD.
switched_on := `GenerateConfigInInitContainer(\\?"\s*,\s*\\?"value\\?"|\\?")?\s*[:=]\s*\\?"?true`
