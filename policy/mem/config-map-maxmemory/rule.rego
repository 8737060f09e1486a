# METADATA
# title: maxmemory in a ConfigMap does not fit the memory limit
# description: |-
#   maxmemory only covers the data: the copy-on-write memory of a fork for a snapshot or a new replica, output
#   buffers and fragmentation are added to it. Above 80 percent of the limit of the container, a save under write load
#   is enough to get Redis OOM-killed; at the limit, it is killed before it evicts keys or rejects writes. This is the
#   configuration of a StatefulSet or Deployment whose arguments name the file, and additionalRedisConfig of OpsTree.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Set maxmemory to three quarters of the limit and at most to the request, or raise both.
#   references:
#     - Redis evict.c getMaxmemoryState
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:363 and :427
package redisgitops.mem["config-map-maxmemory"]

import data.redisgitops.lib.group
import data.redisgitops.lib.memory
import data.redisgitops.lib.quantity
import data.redisgitops.lib.redis

deny contains object.union(
	{
		"resource": u.map.id,
		"path": ["data", u.key],
		"related": [{"resource": u.redis.id, "path": u.limit.path, "message": "the limit"}],
	},
	fault(u),
) if {
	some u in used
}

fault(u) := {"message": sprintf("maxmemory %s is not below the memory limit \"%v\" of %s/%s, so Redis is killed before it is full; set it to %s", [u.text, u.limit.text, u.redis.kind, u.redis.name, u.most])} if {
	u.bytes >= u.limit.bytes
} else := {"message": sprintf("maxmemory %s is more than 80%% of the memory limit \"%v\" of %s/%s; set it to %s", [u.text, u.limit.text, u.redis.kind, u.redis.name, u.most]), "severity": "warning"} if {
	u.bytes > u.limit.bytes * 0.8
}

# The ConfigMaps with a maxmemory, each with a Redis that reads it.
used := [u |
	some pair in pairs
	r := pair.redis
	some id in by_name[[r.unit, r.set, r.namespace, pair.source.name]]
	map := data.repo.resources[id]
	text := last(map.object.data[pair.source.key])
	u := {
		"redis": r, "map": map, "key": pair.source.key, "text": text, "bytes": quantity.redis_bytes(text),
		"limit": pair.limit, "most": pair.most,
	}
	u.bytes > 0
]

pairs := [pair |
	some instance in data.repo.redis
	instance.kind != "RedisFailover" # whose configuration is in the resource
	r := data.repo.resources[instance.resource]
	some source in redis.config_maps with input as r.object
	bytes := memory.limit with input as r.object
	text := memory.limit_text with input as r.object
	path := memory.limit_path with input as r.object
	most := memory.most with input as r.object
	pair := {"redis": r, "source": source, "limit": {"bytes": bytes, "text": text, "path": path}, "most": most}
]

by_name := group.by([[[r.unit, r.set, r.namespace, r.name], r.id] |
	some r in data.repo.resources
	r.kind == "ConfigMap"
])

# The effective maxmemory of a configuration file, the last one.
last(text) := values[count(values) - 1] if {
	values := [words[1] |
		some line in split(text, "\n")
		words := [w | some w in split(trim_space(line), " "); w != ""]
		count(words) == 2
		lower(words[0]) == "maxmemory"
	]
	count(values) > 0
}
