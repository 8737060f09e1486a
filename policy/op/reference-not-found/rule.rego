# METADATA
# title: Referenced object does not exist
# description: |-
#   A volume of a ConfigMap or Secret that does not exist keeps the pods in ContainerCreating, an environment variable
#   of one keeps them in CreateContainerConfigError, and a PriorityClass or ServiceAccount that does not exist has them
#   rejected. A name is reported where the repository has other objects of that kind for the same namespace, or one
#   with nearly that name. What an operator or a chart from elsewhere creates is not known.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: Correct the name, or add the object to the repository.
#   references:
#     - Kubernetes, Volumes, "configMap" and "secret"; Configure Service Accounts for Pods; Pod Priority and Preemption
#     - kubernetes/kubernetes v1.36.3 plugin/pkg/admission/priority/admission.go and plugin/pkg/admission/serviceaccount/admission.go
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisVolumes
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go, getExternalConfig
package redisgitops.op["reference-not-found"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.group
import data.redisgitops.lib.references
import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("no %s %q is in the repository%s; %s", [ref.kind, ref.name, whose(ref.kind), advice(near)]),
	"resource": ref.resource,
	"path": ref.path,
	"absent": {"namespace": scope(ref.kind, r.namespace), "name": ref.name},
	"related": [{"resource": o.id, "path": ["metadata", "name"], "message": sprintf("%s %q", [ref.kind, o.name])} | some o in near],
} if {
	count(objects) > 0
	some ref in wanted
	r := data.repo.resources[ref.resource]
	not exists(ref, r)
	not generated.name(r, ref.kind, ref.name)
	not generated.affixed(r, ref.kind, ref.name)
	near := alike(ref, r)
	expected(ref, r, near)
}

# wanted are the references that are not another rule's, nor to what every cluster has.
wanted := [ref |
	some ref in references.all
	ref.kind in kinds
	not ref.created
	not provided(ref)
	not another_rules(ref)
]

kinds := {"ConfigMap", "PriorityClass", "Secret", "ServiceAccount", "StorageClass"}

provided(ref) if {
	ref.kind == "ServiceAccount"
	ref.name == "default"
}

provided(ref) if {
	ref.kind == "PriorityClass"
	startswith(ref.name, "system-")
}

provided(ref) if {
	ref.kind == "ConfigMap"
	ref.name in {"kube-root-ca.crt", "openshift-service-ca.crt"}
}

# auth/secret-not-found
another_rules(ref) if {
	ref.kind == "Secret"
	[ref.resource, ref.name] in passwords
}

# auth/secret-not-found and data/hook-config-map
another_rules(ref) if {
	data.repo.resources[ref.resource].kind == "RedisFailover"
	ref.path[count(ref.path) - 1] in {"secretPath", "shutdownConfigMap", "startupConfigMap"}
}

passwords := {[p.resource, p.name] | some p in secrets.passwords}

# expected: the repository has others of the kind, so this one should be there too. What a cluster brings by itself, or a person
# creates, is reported only for a name that is nearly right.
expected(_, _, near) if count(near) > 0

expected(ref, r, _) if {
	not ref.pull
	not ref.kind in {"StorageClass"}
	[ref.kind, scope(ref.kind, r.namespace)] in held
	not installs_there[r.namespace]
}

# held are the kinds that the repository has objects of, by namespace.
held := {[o.kind, scope(o.kind, o.namespace)] | some o in objects; o.namespace != ""} | {[o.kind, ""] | some o in objects; o.kind in without_namespace}

without_namespace := {"PriorityClass", "StorageClass"}

scope(kind, _) := "" if kind in without_namespace

scope(kind, namespace) := namespace if not kind in without_namespace

whose(kind) := "" if kind in without_namespace

else := " for this namespace"

# installs_there are the namespaces that a chart from elsewhere is installed into, which can create anything.
installs_there := {namespace: true |
	some r in data.repo.resources
	some namespace in destinations(r)
}

destinations(r) := {r.namespace, object.get(r.object, ["spec", "targetNamespace"], r.namespace)} if {
	r.kind == "HelmRelease"
} else := {r.object.spec.destination.namespace} if {
	r.kind == "Application"
	some source in array.concat([object.get(r.object, ["spec", "source"], {})], object.get(r.object, ["spec", "sources"], []))
	source.chart
} else := set()

objects := array.concat(
	[{"id": r.id, "kind": r.kind, "name": r.name, "namespace": r.namespace, "unit": r.unit, "set": r.set} |
		some r in data.repo.resources
		r.kind in kinds
		r.kind != "Secret"
	],
	[{"id": p.resource, "kind": "Secret", "name": p.name, "namespace": p.namespace, "unit": p.unit, "set": p.set} |
		some p in secrets.providers
	],
)

named := {[o.kind, o.name] | some o in objects}

# exists, in whatever namespace: one of another namespace is copied by something, or a mistake of another kind.
exists(ref, _) if [ref.kind, ref.name] in named

# alike are the objects whose name differs in a letter.
alike(ref, r) := [o |
	some o in sort({o |
		some slip in secrets.deletions(ref.name)
		some o in object.get(by_slip, [[ref.kind, scope(ref.kind, r.namespace), slip]], set())
	})
	secrets.meets(o, r)
]

by_slip := {key: array.slice(sort(found), 0, secrets.most) | some key, found in slipped}

slipped := group.by([[[o.kind, scope(o.kind, o.namespace), slip], o] |
	some o in objects
	some slip in secrets.deletions(o.name)
])

advice(near) := sprintf("did you mean %q?", [near[0].name]) if count(near) > 0

else := "correct the name, or add it"
