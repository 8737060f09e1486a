# The containers of the repository and their environment.
package redisgitops.lib.workloads

import data.redisgitops.lib.redisfailover

pod_paths := {
	"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
	"DaemonSet": ["spec", "template", "spec"],
	"Deployment": ["spec", "template", "spec"],
	"Job": ["spec", "template", "spec"],
	"Pod": ["spec"],
	"ReplicaSet": ["spec", "template", "spec"],
	"Rollout": ["spec", "template", "spec"],
	"StatefulSet": ["spec", "template", "spec"],
}

# The containers of all workloads: {"resource", "unit", "namespace", "path", "object"}.
containers := [c |
	some r in data.repo.resources
	pod := pod_paths[r.kind]
	some list in ["containers", "initContainers"]
	items := object.get(r.object, array.concat(pod, [list]), [])
	is_array(items)
	some i, item in items
	is_object(item)
	c := {"resource": r.id, "unit": r.unit, "namespace": r.namespace, "path": array.concat(pod, [list, i]), "object": item}
]

# The environment of all containers: the fields of the container and {"index", "name", "value"}. Only string values are
# included.
environment := [e |
	some c in containers
	env := object.get(c.object, "env", [])
	is_array(env)
	some i, entry in env
	name := object.get(entry, "name", "")
	is_string(name)
	value := object.get(entry, "value", "")
	is_string(value)
	e := {"container": c, "index": i, "name": name, "value": value}
]

# The containers that run Sidekiq, by their command or image.
sidekiq := [c |
	some c in containers
	words := array.concat(list(c.object, "command"), list(c.object, "args"))
	some word in words
	is_string(word)
	regex.match(`(^|[\s/])sidekiq(swarm)?($|[\s;])`, word)
]

list(object, key) := object[key] if {
	is_array(object[key])
} else := []

# The maxmemory-policy of a RedisFailover: {"value", "path"}, from customConfig or else from the command.
policy(object) := p if {
	found := [d | some d in redisfailover.directives(custom(object)); d.key == "maxmemory-policy"]
	count(found) > 0
	d := found[count(found) - 1]
	p := {"value": lower(d.value), "path": ["spec", "redis", "customConfig", d.index], "words": "maxmemory-policy "}
} else := p if {
	words := object.spec.redis.command
	some i, word in words
	word == "--maxmemory-policy"
	p := {"value": lower(words[i + 1]), "path": ["spec", "redis", "command", i + 1], "words": ""}
}

# The customConfig of a RedisFailover.
custom(object) := object.spec.redis.customConfig if {
	is_array(object.spec.redis.customConfig)
} else := []
