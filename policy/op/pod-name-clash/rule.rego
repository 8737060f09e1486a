# METADATA
# title: Volume or container of the pods conflicts with another
# description: |-
#   Names of volumes and containers are unique in a pod, and a mount names a volume of the pod. The operator appends the
#   volumes and containers of the resource to its own, so Kubernetes rejects pods that have a name twice, two mounts at
#   one path, or a mount without its volume: a StatefulSet then starts no new pod. A container that listens on a port of
#   another one does not start.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: Rename the volume or container, or correct the mount.
#   references:
#     - kubernetes/kubernetes v1.36.3 pkg/apis/core/validation/validation.go, ValidateVolumes, ValidateVolumeMounts, validateContainers and validateInitContainers
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/service/generator.go, getRedisVolumes, getSentinelVolumes, createRedisExporterContainer and generateSentinelDeployment
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go, generateStatefulSetsDef, generateContainerDef and getVolumeMount
package redisgitops.op["pod-name-clash"]

import data.redisgitops.lib.pods

deny contains {
	"message": sprintf("%s named %q is defined twice in the %s pods, so Kubernetes rejects them; rename this one", [what, n.object.name, a.pod.part]),
	"resource": a.pod.resource,
	"path": array.concat(n.path, ["name"]),
} if {
	some a in added
	some [what, _, list] in named(a)
	some i, n in list
	n.object.name in {m.object.name | some m in array.slice(list, 0, i)}
}

deny contains {
	"message": sprintf("the operator has %s named %q in the %s pods, so Kubernetes rejects them; rename this one", [what, n.object.name, a.pod.part]),
	"resource": a.pod.resource,
	"path": array.concat(n.path, ["name"]),
} if {
	some a in added
	some [what, fields, list] in named(a)
	some n in list
	n.object.name in own(a.pod, fields)
}

deny contains {
	"message": sprintf("no volume is named %q in the %s pods, so Kubernetes rejects them; add the volume, or correct the name", [m.object.name, a.pod.part]),
	"resource": a.pod.resource,
	"path": array.concat(m.path, ["name"]),
} if {
	some a in added
	count(a.pod.volumes) > 0
	some m in mounts(a)
	is_string(m.object.name)
	not m.object.name in volumes(a)
	not unknown(a.pod)
}

deny contains {
	"message": sprintf("the operator mounts a volume of its own at %q, so Kubernetes rejects the pods; use another path", [m.object.mountPath]),
	"resource": a.pod.resource,
	"path": array.concat(m.path, ["mountPath"]),
} if {
	some a in added
	not another_rules(a.pod)
	some m in a.mounts
	is_string(m.object.mountPath)
	trim_right(m.object.mountPath, "/") in own(a.pod, ["mount"])
}

deny contains {
	"message": sprintf("another volume is mounted at %q, so Kubernetes rejects the pods; use another path", [m.object.mountPath]),
	"resource": a.pod.resource,
	"path": array.concat(m.path, ["mountPath"]),
} if {
	some a in added
	some list in array.concat([a.mounts], of_containers(a))
	some i, m in list
	m.object.mountPath in {other.object.mountPath | some other in array.slice(list, 0, i)}
}

deny contains {
	"message": sprintf("port %d of the %s pods is that of the container %q; use another port", [port.object.containerPort, a.pod.part, other]),
	"resource": a.pod.resource,
	"path": array.concat(port.path, ["containerPort"]),
} if {
	some a in added
	some c in a.containers
	some port in pods.items(a.pod, [array.concat(c.path, ["ports"])])
	object.get(port.object, "protocol", "TCP") == "TCP"
	some o in a.pod.own
	o.port == port.object.containerPort
	o.port > 0
	other := o.container
}

# added is what the resources of pods have themselves, where that is anything.
added := [a |
	some p in data.repo.pods
	a := {
		"pod": p, "volumes": pods.items(p, p.volumes), "mounts": pods.items(p, p.mounts),
		"containers": pods.items(p, p.containers), "init": pods.items(p, p.init),
	}
	[a.volumes, a.mounts, a.containers, a.init] != [[], [], [], []]
]

named(a) := [
	["a volume", ["volume"], with_names(a.volumes)],
	["a container", ["container", "init"], with_names(array.concat(a.containers, a.init))],
]

with_names(list) := [n | some n in list; is_string(n.object.name)]

own(p, fields) := {name |
	some o in p.own
	some field in fields
	name := o[field]
	name != ""
}

mounts(a) := array.concat(
	[m | not another_rules(a.pod); some m in a.mounts],
	[m | some list in of_containers(a); some m in list],
)

of_containers(a) := [pods.items(a.pod, [array.concat(c.path, [a.pod.mountsKey])]) | some c in array.concat(a.containers, a.init)]

# another_rules: op/volume-mounts reads the mounts of RedisFailovers.
another_rules(p) if pods.resource(p).kind == "RedisFailover"

volumes(a) := (own(a.pod, ["volume"]) | {v.object.name | some v in a.volumes}) | {claim.metadata.name |
	some claim in object.get(pods.resource(a.pod).object, ["spec", "volumeClaimTemplates"], [])
}

# unknown: the facts do not tell which volumes the operator itself has.
unknown(p) if {
	count(p.own) == 0
	not pods.resource(p).kind in {"Deployment", "StatefulSet"}
}
