# METADATA
# title: Object is defined twice
# description: |-
#   The object that is applied last wins, and each sync takes it over from the other application: a Service then
#   points to the wrong Redis, and an object removed by one application is gone for both.
# custom:
#   scope: repository
#   general: true
#   since: 0.1.0
#   remediation: Rename one of the two, or remove it.
#   references:
#     - Reclaim the Stack, generators/resources/redis.yaml and redis-template-style.yaml, which make the same Service
package redisgitops.name["duplicate-object"]

import data.redisgitops.lib.group

deny contains {
	"message": sprintf("the %s \"%s\" in namespace \"%s\" is also defined by %s; rename one", [r.kind, r.name, r.namespace, other.file]),
	"resource": r.id,
	"path": ["metadata", "name"],
	"related": [{"resource": other.id, "path": ["metadata", "name"], "message": "the other one"}],
} if {
	some ids in same
	count(ids) > 1
	other := data.repo.resources[min(ids)]
	some id in ids
	r := data.repo.resources[id]
	r.id != other.id
	meet(r, other)
}

# Kinds that belong to a Redis and its clients; namespaces and the like are often made by several.
same := group.by([[[r.kind, r.namespace, r.name], r.id] |
	some r in data.repo.resources
	r.kind in {"ConfigMap", "CronJob", "Deployment", "ExternalSecret", "NetworkPolicy", "Redis", "RedisFailover", "RedisReplication", "SealedSecret", "Secret", "Service", "StatefulSet"}
	r.name != ""
])

# Of one folder only charts: in a kustomization and in plain files yaml/duplicate-document says it.
meet(a, b) if {
	a.unit == b.unit
	a.set == b.set
	a.file != b.file
	charts[a.unit]
}

# Of two directories, those that are side by side as applications and go to a known namespace: overlays are of several clusters.
meet(a, b) if {
	a.unit != b.unit
	a.namespace != ""
	deployed[a.unit]
	deployed[b.unit]
	parent(a.unit) == parent(b.unit)
	not regex.match(`(^|/)(overlays?|environments?|envs?|clusters?)/|(^|/)(dev|prod|stag|test|local|production|staging)[^/]*$`, concat("\n", [a.unit, b.unit]))
}

charts := {key: value | some key, value in each_charts}

each_charts[a.dir] if {
	some a in data.repo.applications
	a.kind == "chart"
}

deployed := {key: value | some key, value in each_deployed}

each_deployed[a.dir] if {
	some a in data.repo.applications
	a.deployed
}

parent(dir) := concat("/", array.slice(steps, 0, count(steps) - 1)) if steps := split(dir, "/")
