# The pods that operators create for the resources of the repository, from the operator facts: data.repo.pods.
package redisgitops.lib.pods

import data.redisgitops.lib.group
import data.redisgitops.lib.labels

# The indexes of the pods of one resource: Redis and its sentinels, or leaders and followers.
beside := {key: sort(found) | some key, found in of_resource}

of_resource := group.by([[p.resource, i] | some i, p in data.repo.pods])

resource(p) := data.repo.resources[p.resource]

# A PodSpec field as set in the resource; null if it is not set.
field(p, name) := object.get(resource(p).object, p.at[name], null) if p.at[name]

else := null

# The pods, with their indexes, of the resources that say which nodes they run on.
placed := [[i, p] |
	some i, p in data.repo.pods
	count([name | some name in ["affinity", "podAntiAffinity", "topologySpreadConstraints"]; field(p, name) != null]) > 0
]

# The elements of lists of a resource: {"path", "object"}.
items(p, lists) := [{"path": array.concat(path, [i]), "object": item} |
	some path in lists
	list := object.get(resource(p).object, path, [])
	is_array(list)
	some i, item in list
	is_object(item)
]

# The anti-affinity terms that the scheduler only prefers.
preferred(p) := [{"path": array.concat(t.path, ["podAffinityTerm"]), "object": t.object.podAffinityTerm} |
	some t in items(p, array.concat(
		[array.concat(path, ["podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution"]) | path := p.at.affinity],
		[array.concat(path, ["preferredDuringSchedulingIgnoredDuringExecution"]) | path := p.at.podAntiAffinity],
	))
]

# The required anti-affinity terms: {"path", "object"}.
required(p) := items(p, array.concat(
	[array.concat(path, ["podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]) | path := p.at.affinity],
	[array.concat(path, ["requiredDuringSchedulingIgnoredDuringExecution"]) | path := p.at.podAntiAffinity],
))

# Whether an anti-affinity term selects pods with these labels in the namespace of the resource.
selects(p, term, pod) if {
	labels.selects(object.get(term, "labelSelector", null), pod)
	own_namespace(p, object.get(term, "namespaces", []), object.get(term, "namespaceSelector", null))
}

own_namespace(_, [], null)

own_namespace(_, _, {})

own_namespace(p, namespaces, _) if resource(p).namespace in namespaces

# The pods of Redis in a namespace that a selector finds by a label or one of several values; those of a role alone are not distinguished.
selected(namespace, selector) := [p |
	some i in sort({i | some pair in asked(selector); some i in object.get(by_label, [array.concat([namespace], pair)], set())})
	p := data.repo.pods[i]
	labels.selects(selector, p.labels)
	p.replicas != 0
]

asked(selector) := [[key, selector.matchLabels[key]]] if {
	key := min(object.keys(selector.matchLabels))
} else := [[listed[0].key, value] | some value in listed[0].values] if {
	listed := [e | some e in selector.matchExpressions; e.operator == "In"]
	count(listed) > 0
}

by_label := group.by([[[resource(p).namespace, label, value], i] | some i, p in data.repo.pods; some label, value in p.labels])
