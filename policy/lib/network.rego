# NetworkPolicies around the pods of RedisFailovers.
package redisgitops.lib.network

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

listed[operators.directory(d.file)] contains trim_prefix(name, "./") if {
	some d in data.repo.documents
	d.type == "kustomization"
	some name in d.data.resources
	is_string(name)
}

ingress(spec) if "Ingress" in spec.policyTypes

ingress(spec) if {
	is_object(spec)
	not spec.policyTypes
}

# named_for holds the policies that ask for a name of the RedisFailover, by namespace and that name; the others are under "".
# In a repository of many applications each is looked at by its own Redis alone.
named_for[[p.namespace, object.get(p.object, ["spec", "podSelector", "matchLabels", "app.kubernetes.io/name"], "")]] contains p.id if {
	some p in policies
}

index := named_for

# selecting gives the policies that select the pods of a part of a RedisFailover.
selecting(r, part) := [] if {
	count(policies) == 0
} else := [p |
	some space in sort({r.namespace, ""}) # sorted, since the first one is named
	some name in sort({object.get(r.object, ["metadata", "name"], ""), object.get(pod, "app.kubernetes.io/name", ""), ""})
	some id in sort(object.get(index, [[space, name]], set()))
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
