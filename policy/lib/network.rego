# NetworkPolicies that apply to the pods of RedisFailovers.
package redisgitops.lib.network

import data.redisgitops.lib.group
import data.redisgitops.lib.labels
import data.redisgitops.lib.operators
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

# Policies for ingress.
policies := [r |
	some r in data.repo.resources
	r.kind == "NetworkPolicy"
	ingress(r.object.spec)
	not left_out(r.file)
]

# Whether a file is beside a kustomization that does not list it, so that it is not deployed.
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

# Policies that select the name of a RedisFailover, by namespace and name; the others are under "". In a repository with many
# applications, each Redis is only compared with its own policies.
named_for := group.by([[[p.namespace, object.get(p.object, ["spec", "podSelector", "matchLabels", "app.kubernetes.io/name"], "")], p.id] |
	some p in policies
])

# The same by unit.
named_beside := group.by([[[p.unit, p.set, object.get(p.object, ["spec", "podSelector", "matchLabels", "app.kubernetes.io/name"], "")], p.id] |
	some p in policies
])

# The number of policies of one kind that one RedisFailover is compared with, so that the work stays linear.
most := 16

index := {key: array.slice(sort(found), 0, most) | some key, found in named_for}

beside := {key: array.slice(sort(found), 0, most) | some key, found in named_beside}

crowds := {key | some key, found in named_for; count(found) > most}

# Not all policies of the namespace can be compared, so what they admit together is unknown.
crowded(r) if {
	some space in {r.namespace, ""}
	some name in {r.name, ""}
	[space, name] in crowds
}

# The policies that select the pods of a part of a RedisFailover.
selecting(r, part) := [] if {
	count(policies) == 0
} else := [p |
	names := sort({object.get(r.object, ["metadata", "name"], ""), object.get(pod, "app.kubernetes.io/name", ""), ""})
	found := array.concat(
		[id | some space in sort({r.namespace, ""}); some name in names; some id in object.get(index, [[space, name]], [])], # sorted, since the first one is named
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

# Whether a policy admits pods with these labels, in the same namespace, to a port.
admits(p, pod, port) if {
	some rule in p.object.spec.ingress
	opens(rule, port)
	from(rule, p, pod)
}

# Whether a policy admits pods of another namespace to a port; "" is an unknown namespace.
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

# Whether a namespaceSelector matches, as far as can be known: only the name label of a namespace is certain.
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

# An unknown namespace may be the namespace of the policy.
from_peer(peer, p, namespace, pod) if {
	not peer.namespaceSelector
	namespace in {"", p.namespace}
	labels.selects(object.get(peer, "podSelector", {}), pod)
}
