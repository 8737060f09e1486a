# METADATA
# title: CRD is older than the fields in use
# description: |-
#   Helm installs CRDs once and never updates them, and an outdated CRD in the repository stays outdated too. When a
#   RedisFailover is applied, fields that the CRD does not contain are silently dropped.
# custom:
#   scope: repository
#   since: 0.1.0
#   remediation: Add the CRD of the operator's version to the repository, and apply it before the RedisFailovers.
#   references:
#     - spotahome/redis-operator 632aa3da README.md:31-41, "Update helm chart"
package redisgitops.op["crd-not-upgraded"]

deny contains {
	"message": sprintf("the CRD in the repository has no field %s.%s, so the API server drops it; update the CRD to the version of the operator", [concat(".", at), field]),
	"resource": r.id,
	"path": array.concat(at, [field]),
	"key": true,
	"related": [{"resource": definition.id, "path": ["spec"], "message": "the definition"}],
} if {
	count(definitions) > 0
	some r in data.repo.resources
	r.kind == "RedisFailover"
	some at in [["spec"], ["spec", "redis"], ["spec", "sentinel"]]
	some field, _ in object.get(r.object, at, {})
	field in fields[concat(".", at)]
	some definition in definitions
	properties := object.get(definition.schema, array.concat(schema_path(at), ["properties"]), null)
	is_object(properties)
	not field in object.keys(properties)
}

definitions := [{"id": r.id, "schema": version.schema.openAPIV3Schema} |
	some r in data.repo.resources
	r.kind == "CustomResourceDefinition"
	r.name == "redisfailovers.databases.spotahome.com"
	some version in r.object.spec.versions
	version.name == "v1"
]

schema_path(at) := [step | some key in at; some step in ["properties", key]]

# What some version of the operator knows; op/unknown-field reports all others.
fields := {
	"spec": {"bootstrapNode", "labelWhitelist"},
	"spec.redis": (probes | {
		"containerSecurityContext", "customCommandRenames", "disablePodDisruptionBudget", "extraContainers", "extraVolumeMounts", "extraVolumes",
		"initContainers", "port", "priorityClassName", "serviceAnnotations", "startupConfigMap", "terminationGracePeriod", "topologySpreadConstraints",
	}),
	"spec.sentinel": (probes | {
		"configCopy", "containerSecurityContext", "disablePodDisruptionBudget", "extraContainers", "extraVolumeMounts", "extraVolumes",
		"initContainers", "priorityClassName", "serviceAnnotations", "startupConfigMap", "topologySpreadConstraints",
	}),
}

probes := {"customLivenessProbe", "customReadinessProbe", "customStartupProbe"}
