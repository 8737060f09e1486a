# METADATA
# title: Sentinels of a Redis do not exist
# description: |-
#   The pods that `--operator statefulset` makes ask the sentinels named in their label redis-gitops.io/sentinels which of
#   them is the master, and start Redis only when most of these answer. If no StatefulSet of that name is deployed to the
#   namespace, as after a slip in sentinelsOf or when the set was removed, Redis never starts.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set sentinelsOf to a Redis with sentinels in the same namespace, or remove it so that the Redis gets its own. A set that
#     several share is added with `redis-gitops generate addon APP REDIS sentinel-set`.
#   references:
#     - redis-gitops cue/operator/statefulset/resource.yaml, lib.sh (elected) and redis.sh
package redisgitops.ha["sentinels-missing"]

sentinels := "redis-gitops.io/sentinels"

deny contains {
	"message": sprintf("no sentinels %q are deployed to this namespace, so Redis does not start; correct sentinelsOf, or add them", [name]),
	"resource": r.id,
	"path": ["spec", "template", "metadata", "labels", sentinels],
	"absent": {"namespace": r.namespace, "name": name},
} if {
	some r in data.repo.resources
	r.kind == "StatefulSet"
	name := r.object.spec.template.metadata.labels[sentinels]
	not present(name, r.namespace)
}

present(name, namespace) if [name, namespace] in sets

present(name, _) if [name, ""] in sets

present(name, "") if name in {set[0] | some set in sets}

# sets are the names and namespaces of sentinels.
sets := {[r.name, r.namespace] |
	some r in data.repo.resources
	r.kind == "StatefulSet"
	r.object.spec.template.metadata.labels["redis-gitops.io/sentinel"]
}
