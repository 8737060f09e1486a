# Facts and helpers about RedisFailovers of Spotahome's operator and their customConfig. Source: api/redisfailover/v1 and
# operator/redisfailover of its version 1.2.4.
package redisgitops.lib.redisfailover

# directives gives the entries of a customConfig list as the operator reads them (service/redis/client.go getConfigParameters:
# cut at blanks, the first word is the key): [{"index": 0, "key": "maxmemory", "value": "100mb", "words": […], "text": "…"}].
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

# redis is the directives of the input's Redis, sentinel those of its sentinels.
redis := directives(object.get(input, ["spec", "redis", "customConfig"], []))

sentinel := directives(object.get(input, ["spec", "sentinel", "customConfig"], []))

# saves_nothing: the save that counts, the last one, is the empty value.
saves_nothing if {
	saves := [d | some d in redis; d.key == "save"]
	saves[count(saves) - 1].value == `""`
}

# replicas of "redis" or "sentinel" that the operator makes: 3 where there is none or 0 (validate.go).
replicas(rf, part) := n if {
	n := rf.spec[part].replicas
	is_number(n)
	n > 0
} else := 3

# bootstrapping Redises follow one outside. Only powerhome's operator has enabled.
bootstrapping(rf) if {
	is_object(rf.spec.bootstrapNode)
	object.get(rf.spec.bootstrapNode, "enabled", true) != false
}

# sentinels says whether there are any (bootstrapping.go; Saremox and buildio have enabled).
sentinels(rf) if {
	object.get(rf, ["spec", "sentinel", "enabled"], true) != false
	not bootstraps_alone(rf)
}

bootstraps_alone(rf) if {
	bootstrapping(rf)
	object.get(rf.spec.bootstrapNode, "allowSentinels", false) != true
}

# secret is the name of the Secret with the password, or "".
secret(rf) := name if {
	name := rf.spec.auth.secretPath
	is_string(name)
} else := ""

# port that Redis listens at.
port(rf) := p if {
	p := rf.spec.redis.port
	is_number(p)
	p > 0
} else := 6379

# budget is what the operator's PodDisruptionBudgets of Redis and of the sentinels want to be available. It counts the Redises for
# both (client.go ensurePodDisruptionBudget).
budget(rf) := 1 if replicas(rf, "redis") <= 2
else := 2

has_budget(rf, part) if object.get(rf, ["spec", part, "disablePodDisruptionBudget"], false) != true

# sentinel_budget_blocks: so few sentinels that the budget, made for three, never lets one go.
sentinel_budget_blocks(rf) if {
	sentinels(rf)
	has_budget(rf, "sentinel")
	replicas(rf, "redis") >= 3
	replicas(rf, "sentinel") <= 2
}

# pod_labels of "redis" or "sentinel" (handler.go getLabels, client.go generateSelectorLabels). The role is left out: it changes.
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

# parts of a RedisFailover that are pods.
parts := ["redis", "sentinel"]

# all are the RedisFailovers of the repository.
all := [r | some r in data.repo.resources; r.kind == "RedisFailover"]
