# METADATA
# title: Mesh sidecar hides the addresses of the replicas
# description: |-
#   A sidecar of Istio or Linkerd opens the connections to Redis itself, so the master sees every replica at the
#   address of its own sidecar (127.0.0.6 with Istio). Sentinel takes the replicas' addresses from the master, reaches
#   none, and cannot promote any when the master fails: NOGOODSLAVE.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   fix: 'suggested: keeps the sidecar off the Redis pods'
#   since: 0.1.0
#   remediation: |-
#     Keep the sidecar off the Redis pods (sidecar.istio.io/inject: "false", linkerd.io/inject: disabled), exclude the port
#     of Redis from it, or start Redis with replica-announce-ip set to the address of the pod.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/312
#     - https://github.com/spotahome/redis-operator/issues/396
#     - https://istio.io/latest/about/faq/applications/#redis
#     - istio/istio pilot/pkg/networking/core/cluster_builder.go, buildInboundPassthroughCluster (InboundPassthroughBindIpv4)
#     - https://github.com/linkerd/linkerd2/issues/15474
#     - redis/redis 7.4 src/server.c, genRedisInfoString (slaveN:ip is the peer's address without replica-announce-ip)
package redisgitops.ha["mesh-sidecar"]

import data.redisgitops.lib.group
import data.redisgitops.lib.pods

deny contains object.union(
	{
		"message": sprintf("%s, so the master sees its replicas at %s and Sentinel can promote none; set %s", [m.because, meshes[m.mesh].at, meshes[m.mesh].off]),
		"resource": p.resource,
		"path": p.at.annotations,
		"related": [{"resource": id, "path": m.path, "message": "injection is enabled here"} | some id in m.ids],
	},
	fix(p, meshes[m.mesh]),
) if {
	some p in data.repo.pods
	p.peerAddress
	p.replicas > 1
	p.resource in with_sentinels
	some m in injected(p)
	not left_out(p, m.mesh)
	not announces(p)
}

with_sentinels := {redis.resource | some redis in data.repo.redis; count(redis.sentinels) > 0}

fix(p, mesh) := {"fix": {"path": array.concat(p.at.annotations, [mesh.key]), "op": "add", "value": mesh.value, "suggested": "traffic of Redis then leaves the mesh, without its mTLS"}} if {
	not pods.field(p, "annotations")[mesh.key]
} else := {}

meshes := {
	"Istio": {"at": "127.0.0.6", "off": `the annotation sidecar.istio.io/inject: "false" on the Redis pods`, "key": "sidecar.istio.io/inject", "value": "false"},
	"Linkerd": {"at": "the address of its own proxy", "off": "the annotation linkerd.io/inject: disabled on the Redis pods", "key": "linkerd.io/inject", "value": "disabled"},
}

# injected returns the meshes that put a sidecar into the pods, and where that is set.
injected(p) := array.concat(
	[{"mesh": mesh, "because": sprintf("the pods get a sidecar of %s", [mesh]), "ids": [], "path": []} |
		some mesh in object.keys(meshes)
		pod_wants(p, mesh)
	],
	[{"mesh": n.mesh, "because": sprintf("namespace %q injects a sidecar of %s", [n.name, n.mesh]), "ids": [n.resource], "path": n.path} |
		count(by_name) > 0
		some mesh in object.keys(meshes)
		not pod_wants(p, mesh)
		some n in array.slice(sort(object.get(by_name, [[pods.resource(p).namespace, mesh]], set())), 0, 1)
	],
)

pod_wants(p, "Istio") if setting(p, "sidecar.istio.io/inject") == "true"

pod_wants(p, "Linkerd") if setting(p, "linkerd.io/inject") in {"enabled", "ingress"}

# setting of the pods: Istio reads the label before the annotation.
setting(p, key) := value if {
	value := p.labels[key]
} else := value if value := pods.field(p, "annotations")[key]

by_name := group.by([[[n.name, n.mesh], n] | some n in namespaces])

# namespaces with injection: those of the repository and those that Argo CD labels.
namespaces := [{"name": name, "mesh": mesh, "resource": r.id, "path": path} |
	some r in data.repo.resources
	some [name, at] in labelled(r)
	some [mesh, path] in enabled(r.object, at)
]

labelled(r) := [[r.name, ["metadata"]]] if {
	r.kind == "Namespace"
} else := [[r.object.spec.destination.namespace, ["spec", "syncPolicy", "managedNamespaceMetadata"]]] if {
	r.kind == "Application"
} else := []

enabled(resource, at) := [["Istio", array.concat(at, ["labels", "istio-injection"])] |
	object.get(resource, array.concat(at, ["labels", "istio-injection"]), "") == "enabled"
] if {
	object.get(resource, array.concat(at, ["labels", "istio-injection"]), "") != ""
} else := [["Istio", array.concat(at, ["labels", "istio.io/rev"])] |
	object.get(resource, array.concat(at, ["labels", "istio.io/rev"]), "") != ""
	object.get(resource, array.concat(at, ["labels", "istio.io/dataplane-mode"]), "") != "ambient"
] if {
	object.get(resource, array.concat(at, ["labels", "istio.io/rev"]), "") != ""
} else := [["Linkerd", array.concat(at, ["annotations", "linkerd.io/inject"])] |
	object.get(resource, array.concat(at, ["annotations", "linkerd.io/inject"]), "") in {"enabled", "ingress"}
]

# left_out: the pods have no sidecar, or one that leaves the connections to Redis alone.
left_out(p, "Istio") if setting(p, "sidecar.istio.io/inject") == "false"

left_out(p, "Istio") if lists(setting(p, "traffic.sidecar.istio.io/excludeInboundPorts"), p.port)

left_out(p, "Istio") if {
	ports := setting(p, "traffic.sidecar.istio.io/includeInboundPorts")
	ports != "*"
	not lists(ports, p.port)
}

left_out(p, "Istio") if setting(p, "sidecar.istio.io/interceptionMode") in {"NONE", "TPROXY"}

left_out(p, "Linkerd") if setting(p, "linkerd.io/inject") == "disabled"

left_out(p, "Linkerd") if lists(setting(p, "config.linkerd.io/skip-inbound-ports"), p.port)

# lists reports whether a list of ports and ranges, such as "26379,6000-7000", has a port.
lists(text, port) if {
	some part in split(text, ",")
	regex.match(`^\s*[0-9]{1,5}(-[0-9]{1,5})?\s*$`, part)
	bounds := split(trim_space(part), "-")
	to_number(bounds[0]) <= port
	to_number(bounds[count(bounds) - 1]) >= port
}

lists(text, _) if trim_space(text) == "*"

# announces: something sets the address that a replica announces, in the resource or in a script that it names.
announces(p) if contains(json.marshal(pods.resource(p).object.spec), "announce-ip")

announces(p) if {
	some name in object.get(config_maps, p.resource, set())
	name in announcing
}

config_maps := group.by([[r.resource, r.name] |
	some r in data.repo.references
	r.kind == "ConfigMap"
])

announcing := {r.name |
	some r in data.repo.resources
	r.kind == "ConfigMap"
	contains(json.marshal(object.get(r.object, "data", {})), "announce-ip")
}
