# The workloads of the repository that run no Redis, by the labels of their pods.
package redisgitops.lib.others

import data.redisgitops.lib.group
import data.redisgitops.lib.images
import data.redisgitops.lib.labels
import data.redisgitops.lib.selectors
import data.redisgitops.lib.workloads

# Whether a selector in a namespace selects pods of one.
selected(namespace, selector) if {
	key := min(object.keys(selector))
	some id in object.get(by_label, [[namespace, key, selector[key]]], [])
	labels.selects({"matchLabels": selector}, template(data.repo.resources[id]))
}

by_label := bounded(group.by([[[r.namespace, key, value], r.id] |
	some r in data.repo.resources
	count(workloads.pod_paths[r.kind]) > 1
	not r.id in {p.resource | some p in data.repo.pods}
	some key, value in template(r)
	every c in object.get(r.object, array.concat(workloads.pod_paths[r.kind], ["containers"]), []) { not of_redis(c) }
]))

# Only so many are compared, so that the work stays linear.
bounded(index) := {key: array.slice(sort(found), 0, selectors.most) | some key, found in index}

template(r) := object.get(r.object, array.concat(array.slice(workloads.pod_paths[r.kind], 0, count(workloads.pod_paths[r.kind]) - 1), ["metadata", "labels"]), {})

of_redis(c) if regex.match(`redis|valkey|keydb|dragonfly|exporter|sentinel`, images.reference(c.image).name)
