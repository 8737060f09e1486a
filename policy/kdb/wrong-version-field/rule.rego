# METADATA
# title: Field belongs to another version of KubeDB's API
# description: |-
#   v1alpha2 and v1 of kubedb.com have different names for some fields, and gitops.kubedb.com has those of v1. Kubernetes drops
#   the name of the other version without an error: the policy, the size or the resources then are the defaults.
# custom:
#   kinds: [Redis, RedisSentinel]
#   since: 0.1.0
#   remediation: Use the field in the message, or the other apiVersion.
#   references:
#     - kubedb/apimachinery 104ef573 crds/kubedb.com_redises.yaml and crds/kubedb.com_redissentinels.yaml
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1alpha2/conversion.go:681-768
package redisgitops.kdb["wrong-version-field"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("%s is a field of %s, so %s drops it; use %s", [concat(".", f.path), f.of, input.apiVersion, f.instead]),
	"path": array.concat(["spec"], f.path),
	"key": true,
} if {
	kubedb.owns(input)
	some f in foreign
	object.get(input.spec, f.path, null) != null
}

foreign := [
	{"path": ["deletionPolicy"], "of": "v1", "instead": "terminationPolicy"},
	{"path": ["cluster", "shards"], "of": "v1", "instead": "cluster.master"},
	{"path": ["configuration"], "of": "v1", "instead": "configSecret"},
	{"path": ["podTemplate", "spec", "containers"], "of": "v1", "instead": "podTemplate.spec.resources and the fields beside it"},
] if kubedb.old(input)

else := array.concat(
	[
		{"path": ["terminationPolicy"], "of": "v1alpha2", "instead": "deletionPolicy"},
		{"path": ["cluster", "master"], "of": "v1alpha2", "instead": "cluster.shards"},
		{"path": ["coordinator"], "of": "v1alpha2", "instead": "podTemplate.spec.containers"},
		{"path": ["podTemplate", "spec", "affinity"], "of": "v1alpha2", "instead": "podTemplate.spec.podPlacementPolicy"},
		{"path": ["podTemplate", "spec", "topologySpreadConstraints"], "of": "v1alpha2", "instead": "podTemplate.spec.podPlacementPolicy"},
		{"path": ["podTemplate", "spec", "containerSecurityContext"], "of": "v1alpha2", "instead": "securityContext of a container in podTemplate.spec.containers"},
	],
	[{"path": ["podTemplate", "spec", field], "of": "v1alpha2", "instead": sprintf("%s of a container in podTemplate.spec.containers", [field])} |
		some field in ["args", "env", "lifecycle", "livenessProbe", "readinessProbe", "resources", "volumeMounts"]
	],
)
