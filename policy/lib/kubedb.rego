# Facts and helpers about the Redis and RedisSentinel resources of KubeDB. Source: apis/kubedb/v1 and pkg/webhooks/kubedb/v1 of
# kubedb/apimachinery at 104ef573.
package redisgitops.lib.kubedb

import data.redisgitops.lib.group

# The API versions; the spec of the second is that of the first, and the operator for GitOps creates a resource of the first one.
versions := {"kubedb.com/v1", "gitops.kubedb.com/v1alpha1", "kubedb.com/v1alpha2"}

# Whether a resource is a Redis of KubeDB. Other operators have a kind of that name.
redis(resource) if {
	resource.kind == "Redis"
	resource.apiVersion in versions
}

# Whether a resource is a RedisSentinel of KubeDB.
sentinel(resource) if {
	resource.kind == "RedisSentinel"
	resource.apiVersion in versions
}

owns(resource) if redis(resource)

owns(resource) if sentinel(resource)

# Whether a resource is written in the older version of the API, which names some fields differently.
old(resource) if resource.apiVersion == "kubedb.com/v1alpha2"

# The field with the deletion policy.
deletion(resource) := "terminationPolicy" if old(resource)

else := "deletionPolicy"

# A field of the spec, with a default where it is missing or null.
field(resource, name, otherwise) := value if {
	value := resource.spec[name]
	value != null
} else := otherwise

# Whether the Redis is a cache, by its label.
cache(resource) if resource.metadata.labels.purpose == "cache"

# The sentinels of the repository.
sentinels := [r |
	some r in data.repo.resources
	sentinel(r.object)
]

# The Redis resources of the repository that use sentinels: {"resource", "name" and "namespace" of the RedisSentinel}.
monitored := [m |
	some r in data.repo.resources
	redis(r.object)
	r.object.spec.mode == "Sentinel"
	name := r.object.spec.sentinelRef.name
	is_string(name)
	m := {"resource": r, "name": name, "namespace": object.get(r.object.spec.sentinelRef, "namespace", r.namespace)}
]

# The number of objects of one name that one resource is compared with, so that the work stays linear.
most := 16

# The RedisSentinels that a Redis may name, in its namespace or one that is unknown.
watching(m) := [sentinels[i] |
	some i in sort({i | some key in keys(m); some i in object.get(by_place, [key], [])})
]

keys(m) := [[m.name, m.namespace], [m.name, ""]] if m.namespace != ""

keys(m) := [[m.name]] if m.namespace == ""

by_place := {key: array.slice(sort(found), 0, most) | some key, found in placed}

placed := group.by([[key, i] |
	some i, s in sentinels
	some key in [[s.name, s.namespace], [s.name]]
])

# The names of the RedisVersions that are not deprecated, by version, and of all. Source: catalog/kubedb/raw/redis of kubedb/installer
# 0c6e2459, 2026-08-21.
current := [
	"4.0.11", "5.0.14", "6.0.20", "6.2.14", "6.2.16", "7.0.14", "7.0.15", "7.2.3", "7.2.4", "7.2.6", "7.4.0", "7.4.1", "7.4.6",
	"8.0.4", "8.2.2", "valkey-7.2.5", "valkey-7.2.9", "valkey-8.0.3", "valkey-8.1.1",
]

catalog := {name | some name in current} | {
	"4-v1", "4.0-v2", "4.0.6-v2", "5.0-v1", "5.0.3-v1", "6.0.6", "6.0.18", "6.2.5", "6.2.7", "6.2.8", "6.2.11", "7.0.4", "7.0.5",
	"7.0.6", "7.0.9", "7.0.10", "7.2.0",
}
