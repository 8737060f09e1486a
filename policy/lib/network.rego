# NetworkPolicies around the pods of RedisFailovers.
package redisgitops.lib.network

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.operators
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

# policies for incoming connections.
policies := [r |
	some r in data.repo.resources
	r.kind == "NetworkPolicy"
	ingress(r.object.spec)
	not left_out(r.file)
]

# left_out says that a file lies beside a kustomization that does not list it: nothing deploys it.
left_out(file) if {
	names := lists[operators.directory(file)]
	steps := split(file, "/")
	not steps[count(steps) - 1] in names
}

lists := listed

listed := group.by([[operators.directory(d.file), trim_prefix(name, "./")] |
	some d in data.repo.documents
	d.type == "kustomization"
	some name in d.data.resources
	is_string(name)
])

ingress(spec) if "Ingress" in spec.policyTypes

ingress(spec) if {
	is_object(spec)
	not spec.policyTypes
}

# named_for holds the policies that ask for a name of the RedisFailover, by namespace and that name; the others are under "".
# In a repository of many applications each is looked at by its own Redis alone.
named_for := group.by([[[p.namespace, object.get(p.object, ["spec", "podSelector", "matchLabels", "app.kubernetes.io/name"], "")], p.id] |
	some p in policies
])

# named_beside holds the same by the unit.
named_beside := group.by([[[p.unit, p.set, object.get(p.object, ["spec", "podSelector", "matchLabels", "app.kubernetes.io/name"], "")], p.id] |
	some p in policies
])

# most is how many policies of one kind one RedisFailover is compared with, so that the work does not grow with the square.
most := 16

index := {key: array.slice(sort(found), 0, most) | some key, found in named_for}

beside := {key: array.slice(sort(found), 0, most) | some key, found in named_beside}

crowds := {key | some key, found in named_for; count(found) > most}

# crowded says that not all policies of the namespace can be looked at, so that nothing is known of what they admit together.
crowded(r) if {
	some space in {r.namespace, ""}
	some name in {r.name, ""}
	[space, name] in crowds
}

# selecting gives the policies that select the pods of a part of a RedisFailover.
selecting(r, part) := [] if {
	count(policies) == 0
} else := [p |
	names := sort({object.get(r.object, ["metadata", "name"], ""), object.get(pod, "app.kubernetes.io/name", ""), ""})
	found := array.concat( # sorted, since the first one is named
		[id | some space in sort({r.namespace, ""}); some name in names; some id in object.get(index, [[space, name]], [])],
		[id |
			some name in names
			some id in object.get(beside, [[r.unit, r.set, name]], [])
			data.repo.resources[id].namespace in {r.namespace, ""}
		],
	)
	some i, id in found
	not id in array.slice(found, 0, i)
	p := data.repo.resources[id]
	secrets.meets(p, r)
	labels.selects(object.get(p.object, ["spec", "podSelector"], {}), pod)
] if {
	pod := redisfailover.pod_labels(r.object, part)
}

# admits says whether a policy lets pods with these labels, of the same namespace, in at a port.
admits(p, pod, port) if {
	some rule in p.object.spec.ingress
	opens(rule, port)
	from(rule, p, pod)
}

# admits_namespace says whether a policy lets pods of another namespace in at a port; "" is one that nobody knows.
admits_namespace(p, namespace, pod, port) if {
	some rule in p.object.spec.ingress
	opens(rule, port)
	from_namespace(rule, p, namespace, pod)
}

opens(rule, _) if count(object.get(rule, "ports", [])) == 0

opens(rule, port) if {
	some entry in rule.ports
	object.get(entry, "protocol", "TCP") == "TCP"
	at(entry, port)
}

at(entry, _) if not entry.port

at(entry, _) if is_string(entry.port) # a name: which port that is, the pod says

at(entry, port) if {
	is_number(entry.port)
	port >= entry.port
	port <= object.get(entry, "endPort", entry.port)
}

from(rule, _, _) if count(object.get(rule, "from", [])) == 0

from(rule, p, pod) if {
	some peer in rule.from
	reaches(peer, p, pod)
}

reaches(peer, _, _) if peer.ipBlock # may hold the pods' addresses

reaches(peer, p, pod) if {
	may_select(object.get(peer, "namespaceSelector", null), p.namespace)
	labels.selects(object.get(peer, "podSelector", {}), pod)
}

# The namespace of the policy itself.
may_select(null, _)

may_select(selector, namespace) if {
	selector != null
	selects_namespace(selector, namespace)
}

# selects_namespace, as far as one can know: of the labels of a namespace its name alone is sure.
selects_namespace(selector, namespace) if {
	namespace != ""
	labels.selects(selector, {"kubernetes.io/metadata.name": namespace})
}

selects_namespace(selector, namespace) if {
	some key in label_keys(selector)
	unknown(key, namespace)
}

selects_namespace(selector, "") if count(label_keys(selector)) == 0

unknown(key, _) if key != "kubernetes.io/metadata.name"

unknown(_, "")

label_keys(selector) := object.keys(object.get(selector, "matchLabels", {})) | {e.key | some e in object.get(selector, "matchExpressions", [])}

from_namespace(rule, _, _, _) if count(object.get(rule, "from", [])) == 0

from_namespace(rule, p, namespace, pod) if {
	some peer in rule.from
	from_peer(peer, p, namespace, pod)
}

from_peer(peer, _, _, _) if peer.ipBlock

from_peer(peer, _, namespace, _) if {
	peer.namespaceSelector
	selects_namespace(peer.namespaceSelector, namespace)
}

# One that nobody knows may be that of the policy.
from_peer(peer, p, namespace, pod) if {
	not peer.namespaceSelector
	namespace in {"", p.namespace}
	labels.selects(object.get(peer, "podSelector", {}), pod)
}
