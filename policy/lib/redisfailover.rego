# Facts and helpers about the RedisFailovers of the Spotahome operator and their customConfig. Source: api/redisfailover/v1 and
# operator/redisfailover of version 1.2.4.
package redisgitops.lib.redisfailover

# The entries of a customConfig list as the operator reads them (service/redis/client.go getConfigParameters: split at spaces,
# the first word is the key): [{"index": 0, "key": "maxmemory", "value": "100mb", "words": […], "text": "…"}].
directives(entries) := [d |
	is_array(entries)
	some i, text in entries
	is_string(text)
	words := [w | some w in split(trim_space(text), " "); w != ""]
	count(words) > 0
	d := {
		"index": i, "text": text, "key": lower(words[0]), "words": words,
		"value": concat(" ", array.slice(words, 1, count(words))),
	}
]

# The directives of the Redis in the input; sentinel has those of its sentinels.
redis := directives(object.get(input, ["spec", "redis", "customConfig"], []))

sentinel := directives(object.get(input, ["spec", "sentinel", "customConfig"], []))

# The effective save line, the last one, is empty.
saves_nothing if {
	saves := [d | some d in redis; d.key == "save"]
	saves[count(saves) - 1].value == `""`
}

# The number of "redis" or "sentinel" pods that the operator creates: 3 if it is missing or 0 (validate.go).
replicas(rf, part) := n if {
	n := rf.spec[part].replicas
	is_number(n)
	n > 0
} else := 3

# The Redis replicates from an external master. Only the powerhome operator has the field enabled.
bootstrapping(rf) if {
	is_object(rf.spec.bootstrapNode)
	object.get(rf.spec.bootstrapNode, "enabled", true) != false
}

# Whether the Redis has sentinels (bootstrapping.go; Saremox and buildio have the field enabled).
sentinels(rf) if {
	object.get(rf, ["spec", "sentinel", "enabled"], true) != false
	not bootstraps_alone(rf)
}

bootstraps_alone(rf) if {
	bootstrapping(rf)
	object.get(rf.spec.bootstrapNode, "allowSentinels", false) != true
}

# The name of the Secret with the password, or "".
secret(rf) := name if {
	name := rf.spec.auth.secretPath
	is_string(name)
} else := ""

# The port that Redis listens on.
port(rf) := p if {
	p := rf.spec.redis.port
	is_number(p)
	p > 0
} else := 6379

# The minAvailable of the operator's PodDisruptionBudgets, for Redis and for the sentinels. Both are computed from the Redis
# replicas (client.go ensurePodDisruptionBudget).
budget(rf) := 1 if replicas(rf, "redis") <= 2

else := 2

has_budget(rf, part) if object.get(rf, ["spec", part, "disablePodDisruptionBudget"], false) != true

# There are so few sentinels that the budget, computed for three, never permits a disruption.
sentinel_budget_blocks(rf) if {
	sentinels(rf)
	has_budget(rf, "sentinel")
	replicas(rf, "redis") >= 3
	replicas(rf, "sentinel") <= 2
}

# The labels of the "redis" or "sentinel" pods (handler.go getLabels, client.go generateSelectorLabels), without the role, which
# changes.
pod_labels(rf, part) := object.union(
	{key: value | some key, value in rf.metadata.labels; propagated(rf, key)},
	{
		"app.kubernetes.io/name": rf.metadata.name, "app.kubernetes.io/component": part,
		"app.kubernetes.io/part-of": "redis-failover", "app.kubernetes.io/managed-by": "redis-operator",
		"redisfailovers.databases.spotahome.com/name": rf.metadata.name,
	},
)

propagated(rf, _) if count(object.get(rf, ["spec", "labelWhitelist"], [])) == 0

propagated(rf, key) if {
	some pattern in rf.spec.labelWhitelist
	regex.match(pattern, key)
}

# The parts of a RedisFailover that have pods.
parts := ["redis", "sentinel"]

# The RedisFailovers of the repository.
all := [r | some r in data.repo.resources; r.kind == "RedisFailover"]
