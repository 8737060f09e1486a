# Kubernetes label selectors.
package redisgitops.lib.labels

# Whether a labelSelector matches labels. An empty selector matches everything, a missing one nothing.
selects(selector, labels) if {
	is_object(selector)
	every key, value in object.get(selector, "matchLabels", {}) { labels[key] == value }
	every e in object.get(selector, "matchExpressions", []) { holds(e, labels) }
}

holds(e, labels) if {
	e.operator == "In"
	labels[e.key] in e.values
}

holds(e, labels) if {
	e.operator == "NotIn"
	not labels[e.key] in e.values
}

holds(e, labels) if {
	e.operator == "Exists"
	e.key in object.keys(labels)
}

holds(e, labels) if {
	e.operator == "DoesNotExist"
	not e.key in object.keys(labels)
}
