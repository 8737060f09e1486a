# The label selectors of the repository that can select pods of a RedisFailover: of Services, policies, budgets, monitors, meshes,
# affinities and spread constraints.
package redisgitops.lib.selectors

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.workloads

# The number of selectors, or workloads, with one label that are compared with one other, so that the work stays linear.
most := 16

# The selectors by what they require: the namespace of the pods ("*" is any), the key, and ["is", value], or ["in"] for an
# expression.
asked := {key: array.slice(sort(found), 0, most) | some key, found in group.by([[[s.namespace, key, how], s] |
	some s in all
	some [key, how] in asks(s.selector)
])}

asks(selector) := {[key, ["is", value]] | some key, value in selector.matchLabels} | {[e.key, ["in"]] | some e in selector.matchExpressions}

# All selectors: {"resource", "path", "namespace", "kind", "name", "selector"}; a Service selector is converted to matchLabels.
all := array.concat(services, others)

services := [s |
	some r in data.repo.resources
	r.kind == "Service"
	selector := object.get(r.object, ["spec", "selector"], {})
	is_object(selector)
	count(selector) > 0
	s := {
		"resource": r.id, "path": ["spec", "selector"], "namespace": r.namespace, "kind": r.kind, "name": r.name,
		"labels": ["spec", "selector"], "selector": {"matchLabels": selector},
	}
]

others := [s |
	some r in data.repo.resources
	not r.kind in {"CustomResourceDefinition", "Service"}
	walk(object.get(r.object, "spec", {}), [path, value])
	is_object(value)
	count(path) > 0
	selector(path[count(path) - 1])
	labelled(value)
	not its_own(r, path)
	place := array.concat(["spec"], path)
	s := {
		"resource": r.id, "path": place, "namespace": namespace(r, path), "kind": r.kind, "name": r.name,
		"labels": array.concat(place, ["matchLabels"]), "selector": value,
	}
]

# Of any kind, as lint's proof of a fix looks for them: policies, budgets, monitors, meshes and backups have them.
selector(key) if {
	is_string(key)
	endswith(lower(key), "selector")
	not key in {"namespaceSelector", "nodeSelector"}
}

# The selector of a workload selects its own pods.
its_own(r, ["selector"]) if workloads.pod_paths[r.kind]

labelled(selector) if is_object(selector.matchLabels)

labelled(selector) if is_array(selector.matchExpressions)

# A namespaceSelector beside a selector makes it select pods of other namespaces.
namespace(r, path) := "*" if {
	beside := object.get(r.object.spec, array.slice(path, 0, count(path) - 1), {})
	is_object(beside)
	beside.namespaceSelector
} else := r.namespace

keys(selector) := {key | some key, _ in selector.matchLabels} | {e.key | some e in selector.matchExpressions}

# The selectors that require a label of pods in a namespace.
of_label(space, key, value) := {s |
	some n in {space, "*", ""}
	some how in [["is", value], ["in"]]
	some s in object.get(asked, [[n, key, how]], [])
}

# Whether a selector selects a part of a RedisFailover whose pods have these labels, in any role.
selects(selector, pod) if labels.selects(selector, pod)

selects(selector, pod) if {
	some role in ["master", "slave"]
	labels.selects(selector, object.union(pod, {"redisfailovers-role": role}))
}

# The labels of the pods if all labels of the RedisFailover were propagated.
offered(rf, part) := object.union(object.get(rf, ["metadata", "labels"], {}), redisfailover.pod_labels(rf, part))

# The label keys of a RedisFailover that some selector requires of its pods, or that the webhooks of meshes and agents read there.
wanted(r) := {key |
	some key, value in object.get(r.object, ["metadata", "labels"], {})
	not key in own
	some s in of_label(r.namespace, key, value)
	some part in redisfailover.parts
	selects(s.selector, offered(r.object, part))
} | injected(r)

injected(r) := {key |
	some key, _ in object.get(r.object, ["metadata", "labels"], {})
	key in {
		"admission.datadoghq.com/enabled", "azure.workload.identity/use", "istio.io/dataplane-mode", "istio.io/rev",
		"kuma.io/sidecar-injection", "sidecar.istio.io/inject",
	}
}

# The label keys that the operator sets.
own := {
	"app.kubernetes.io/component", "app.kubernetes.io/managed-by", "app.kubernetes.io/name", "app.kubernetes.io/part-of",
	"redisfailovers-role", "redisfailovers.databases.spotahome.com/name",
}

# The selector belongs to a workload of the repository, whose pods it selects as well, and requires nothing that only Redis pods
# have.
others_too(s) if {
	not of_redis(s.selector)
	some w in pods(s.namespace, s.selector)
	labels.selects(s.selector, w)
}

# The labels of the pods of a namespace that a selector may select: those with its first label.
pods(namespace, selector) := object.get(by_label, [[namespace, key, selector.matchLabels[key]]], []) if {
	key := min(object.keys(selector.matchLabels))
} else := object.get(by_label, [[namespace]], [])

by_label := {key: array.slice(sort(found), 0, most) | some key, found in group.by(array.concat(
	[[[p.namespace], p.labels] | some p in templates],
	[[[p.namespace, key, value], p.labels] | some p in templates; some key, value in p.labels],
))}

templates := [{"namespace": r.namespace, "labels": found} |
	some r in data.repo.resources
	path := workloads.pod_paths[r.kind]
	count(path) > 1
	found := object.get(r.object, array.concat(array.slice(path, 0, count(path) - 1), ["metadata", "labels"]), {})
]

# Whether a selector requires a label that only the operator's pods have.
of_redis(selector) if {
	some key in {"redisfailovers-role", "redisfailovers.databases.spotahome.com/name"}
	key in keys(selector)
}

of_redis(selector) if selector.matchLabels["app.kubernetes.io/part-of"] == "redis-failover"

of_redis(selector) if selector.matchLabels["app.kubernetes.io/managed-by"] == "redis-operator"

# The labelWhitelist entry that propagates one key. Entries are searched in keys.
pattern(key) := sprintf("^%s$", [replace(key, ".", `\.`)])
