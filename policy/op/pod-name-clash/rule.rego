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
	"message": sprintf("%s named %q is defined twice in the %s pods, so Kubernetes rejects them; rename this one", [n.what, n.name, p.part]),
	"resource": p.resource,
	"path": array.concat(n.path, ["name"]),
} if {
	some p in data.repo.pods
	some list in [named(p, "a volume", p.volumes), named(p, "a container", array.concat(p.containers, p.init))]
	some i, n in list
	n.name in {m.name | some m in array.slice(list, 0, i)}
}

deny contains {
	"message": sprintf("the operator has %s named %q in the %s pods, so Kubernetes rejects them; rename this one", [n.what, n.name, p.part]),
	"resource": p.resource,
	"path": array.concat(n.path, ["name"]),
} if {
	some p in data.repo.pods
	some [what, lists, fields] in [["a volume", p.volumes, ["volume"]], ["a container", array.concat(p.containers, p.init), ["container", "init"]]]
	some n in named(p, what, lists)
	n.name in own(p, fields)
}

deny contains {
	"message": sprintf("no volume is named %q in the %s pods, so Kubernetes rejects them; add the volume, or correct the name", [m.object.name, p.part]),
	"resource": p.resource,
	"path": array.concat(m.path, ["name"]),
} if {
	some p in data.repo.pods
	count(p.volumes) > 0
	some m in mounts(p)
	is_string(m.object.name)
	not m.object.name in volumes(p)
	not unknown(p)
}

deny contains {
	"message": sprintf("the operator mounts a volume of its own at %q, so Kubernetes rejects the pods; use another path", [m.object.mountPath]),
	"resource": p.resource,
	"path": array.concat(m.path, ["mountPath"]),
} if {
	some p in data.repo.pods
	not another_rules(p)
	some m in pods.items(p, p.mounts)
	is_string(m.object.mountPath)
	trim_right(m.object.mountPath, "/") in own(p, ["mount"])
}

deny contains {
	"message": sprintf("another volume is mounted at %q, so Kubernetes rejects the pods; use another path", [m.object.mountPath]),
	"resource": p.resource,
	"path": array.concat(m.path, ["mountPath"]),
} if {
	some p in data.repo.pods
	some list in array.concat([pods.items(p, p.mounts)], [pods.items(p, [array.concat(c.path, [p.mountsKey])]) | some c in containers(p)])
	some i, m in list
	m.object.mountPath in {other.object.mountPath | some other in array.slice(list, 0, i)}
}

deny contains {
	"message": sprintf("port %d of the %s pods is that of the container %q; use another port", [port.object.containerPort, p.part, other]),
	"resource": p.resource,
	"path": array.concat(port.path, ["containerPort"]),
} if {
	some p in data.repo.pods
	some c in pods.items(p, p.containers)
	some port in pods.items(p, [array.concat(c.path, ["ports"])])
	object.get(port.object, "protocol", "TCP") == "TCP"
	some o in p.own
	o.port == port.object.containerPort
	o.port > 0
	other := o.container
}

named(p, what, lists) := [{"what": what, "name": n.object.name, "path": n.path} |
	some n in pods.items(p, lists)
	is_string(n.object.name)
]

own(p, fields) := {name |
	some o in p.own
	some field in fields
	name := o[field]
	name != ""
}

containers(p) := pods.items(p, array.concat(p.containers, p.init))

mounts(p) := array.concat(
	[m | not another_rules(p); some m in pods.items(p, p.mounts)],
	[m | some c in containers(p); some m in pods.items(p, [array.concat(c.path, [p.mountsKey])])],
)

# another_rules: op/volume-mounts reads the mounts of RedisFailovers.
another_rules(p) if pods.resource(p).kind == "RedisFailover"

volumes(p) := (own(p, ["volume"]) | {v.object.name | some v in pods.items(p, p.volumes)}) | {claim.metadata.name |
	some claim in object.get(pods.resource(p).object, ["spec", "volumeClaimTemplates"], [])
}

# unknown: the facts do not tell which volumes the operator itself has.
unknown(p) if {
	count(p.own) == 0
	not pods.resource(p).kind in {"Deployment", "StatefulSet"}
}
