# METADATA
# title: Namespace rejects the pods (pod security)
# description: |-
#   A namespace that enforces a Pod Security Standard rejects pods that violate it: the controller is created, but no
#   pod. baseline forbids, among others, hostNetwork, hostPath volumes, privileged containers, seccomp Unconfined, and
#   other sysctls and capabilities than the safe ones. restricted also requires, for all containers, runAsNonRoot, a
#   seccompProfile of RuntimeDefault or Localhost, no privilege escalation and no capabilities. The contexts that
#   Spotahome's operator sets lack the seccompProfile; OpsTree's operator sets none, and neither does a plain workload.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Remove what the standard forbids. For restricted, set the security contexts of all containers; for a RedisFailover,
#     set securityContext of redis and sentinel to the operator's, plus a profile: runAsUser, runAsGroup and fsGroup
#     1000, runAsNonRoot true, seccompProfile {type RuntimeDefault}.
#   references:
#     - https://kubernetes.io/docs/concepts/security/pod-security-standards/
#     - kubernetes/pod-security-admission 8f84a87 (v0.36.3) policy/check_*.go
#     - https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#namespace-metadata
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/service/generator.go, getSecurityContext and getContainerSecurityContext
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go and redis-cluster.go, SecurityContext
package redisgitops.sec["pod-security-refuses"]

import data.redisgitops.lib.pods
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.words

# The levels that namespaces enforce: by a Namespace, or by an Application that creates one.
enforced := {[name, labels["pod-security.kubernetes.io/enforce"]] |
	some r in data.repo.resources
	[name, labels] := labelled(r)
}

labelled(r) := [r.name, r.object.metadata.labels] if r.kind == "Namespace"

labelled(r) := [r.object.spec.destination.namespace, r.object.spec.syncPolicy.managedNamespaceMetadata.labels] if {
	r.kind == "Application"
	"CreateNamespace=true" in r.object.spec.syncPolicy.syncOptions
}

# The pods in namespaces that enforce a level: {"resource", "p", "level", "at": where their host fields are, "context": the path of
# their security context, "containers"}.
judged := [object.union(place, {"resource": r, "p": p, "level": level, "containers": array.concat(own(r.object, place), added(p))}) |
	count(enforced) > 0
	some p in data.repo.pods
	r := pods.resource(p)
	some level in ["baseline", "restricted"]
	[r.namespace, level] in enforced
	made(r, p.part)
	place := placed(r, p.part)
]

# made reports whether the operator makes the pods.
made(r, part) if any_of([r.kind != "RedisFailover", part != "sentinel"])

made(r, "sentinel") if redisfailover.sentinels(r.object)

any_of(truths) if true in truths

placed(r, part) := {
	"at": ["spec", part], "context": ["spec", part, "securityContext"], "known": true,
	"own": array.concat(
		[["spec", part, "containerSecurityContext"]],
		array.concat(
			[["spec", part, "configCopy", "containerSecurityContext"] | part == "sentinel"],
			[["spec", part, "exporter", "containerSecurityContext"] | r.object.spec[part].exporter.enabled == true],
		),
	),
	"default": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
} if {
	r.kind == "RedisFailover"
} else := {
	"at": ["spec", "template", "spec"], "context": ["spec", "template", "spec", "securityContext"], "known": true, "own": [],
	"default": {},
} if {
	r.kind in {"Deployment", "StatefulSet"}
} else := {
	"at": ["spec"], "context": array.concat(at, ["podSecurityContext"]), "known": true, "default": {},
	"own": array.concat(
		[array.concat(container_at, ["securityContext"])],
		[["spec", other, "securityContext"] |
			some other in ["initContainer", "redisExporter"]
			count(at) == 1
			r.object.spec[other].enabled == true
		],
	),
} if {
	startswith(r.object.apiVersion, "redis.redis.opstreelabs.in/v1beta2")
	at := object.get({"RedisReplication/sentinel": ["spec", "sentinel"]}, sprintf("%s/%s", [r.kind, part]), ["spec"])
	container_at := object.get({"leader": ["spec", "redisLeader"], "follower": ["spec", "redisFollower"]}, part, at)
} else := {
	"at": ["spec", "podTemplate", "spec"], "context": ["spec", "podTemplate", "spec", "securityContext"], "known": false, "own": [],
	"default": {},
}

# The containers: {"path": of the security context, "context", "name": "" for those of the operator}.
own(object_, place) := [{"path": path, "name": "", "context": context(object_, path, place["default"])} | some path in place.own]

context(o, path, other) := given if {
	given := object.get(o, path, null)
	is_object(given)
} else := other

added(p) := [{"path": array.concat(c.path, ["securityContext"]), "name": object.get(c.object, "name", ""), "object": c.object, "context": context(c.object, ["securityContext"], {})} |
	some c in pods.items(p, array.concat(p.containers, p.init))
]

# What both levels forbid.
deny contains {
	"message": sprintf("namespace %q enforces pod-security and rejects the %s pods because of %s; remove it", [j.resource.namespace, j.p.part, fault.what]),
	"resource": j.resource.id,
	"path": fault.path,
} if {
	some j in judged
	some fault in forbidden(j)
}

forbidden(j) := array.concat(
	array.concat(
		[{"path": array.concat(j.at, [field]), "what": field} |
			some field in ["hostIPC", "hostNetwork", "hostPID"]
			object.get(j.resource.object, array.concat(j.at, [field]), false) == true
		],
		[{"path": array.concat(v.path, [type]), "what": sprintf("the %s volume", [type])} |
			some v in pods.items(j.p, j.p.volumes)
			some type, _ in v.object
			type != "name"
			not allowed_volume(j.level, type)
		],
	),
	array.concat(
		[{"path": array.concat(j.context, ["sysctls", i, "name"]), "what": sprintf("the sysctl %s", [s.name])} |
			some i, s in object.get(j.resource.object, array.concat(j.context, ["sysctls"]), [])
			not s.name in safe_sysctls
		],
		array.concat(
			[{"path": array.concat(c.path, found[0]), "what": found[1]} | some c in everything(j); some found in in_context(j, c.context)],
			[{"path": array.concat(array.slice(c.path, 0, count(c.path) - 1), ["ports", i, "hostPort"]), "what": "hostPort"} |
				some c in j.containers
				some i, port in c.object.ports
				port.hostPort > 0
			],
		),
	),
)

# The contexts of the pod and of its containers.
everything(j) := array.concat([{"path": j.context, "context": context(j.resource.object, j.context, {})}], j.containers)

in_context(j, c) := array.concat(
	[found | some found in [[["privileged"], "privileged: true"]]; c.privileged == true],
	array.concat(
		[[["seccompProfile", "type"], "the seccompProfile Unconfined"] | c.seccompProfile.type == "Unconfined"],
		array.concat(
			[[["capabilities", "add", i], sprintf("the capability %s", [name])] | some i, name in c.capabilities.add; not name in capabilities[j.level]],
			[found | some found in [[["runAsUser"], "runAsUser: 0"], [["runAsNonRoot"], "runAsNonRoot: false"]]; j.level == "restricted"; c[found[0][0]] in {0, false}],
		),
	),
)

capabilities := {
	"baseline": {
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
		"SETPCAP", "SETUID", "SYS_CHROOT",
	},
	"restricted": {"NET_BIND_SERVICE"},
}

safe_sysctls := {
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem", "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_wmem",
}

allowed_volume("baseline", type) if type != "hostPath"

allowed_volume("restricted", type) if type in {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

# What restricted requires.
deny contains {
	"message": sprintf("namespace %q enforces pod-security restricted and rejects the %s pods without seccompProfile; set securityContext to the operator's default plus seccompProfile {type: RuntimeDefault}", [j.resource.namespace, j.p.part]),
	"resource": j.resource.id,
	"path": j.context,
} if {
	some j in judged
	j.level == "restricted"
	j.resource.kind == "RedisFailover"
	not profile(context(j.resource.object, j.context, {}))
	some c in j.containers
	not profile(c.context)
}

deny contains {
	"message": sprintf("namespace %q enforces pod-security restricted and rejects the %s pods, because %s lacks %s; set that", [j.resource.namespace, j.p.part, of_container(j, c), words.phrase(lacking)]),
	"resource": j.resource.id,
	"path": c.path,
} if {
	some j in judged
	j.level == "restricted"
	j.known
	pod := context(j.resource.object, j.context, {})
	some c in j.containers
	lacking := array.concat(
		array.concat(
			["allowPrivilegeEscalation: false" | object.get(c.context, "allowPrivilegeEscalation", true) != false],
			["capabilities.drop: [ALL]" | not drops_all(c.context)],
		),
		array.concat(
			["runAsNonRoot: true" | j.resource.kind != "RedisFailover"; not user(pod); not user(c.context)],
			["seccompProfile {type: RuntimeDefault}" | j.resource.kind != "RedisFailover"; not profile(pod); not profile(c.context)],
		),
	)
	count(lacking) > 0
}

drops_all(context) if "ALL" in context.capabilities.drop

user(context) if context.runAsNonRoot == true

profile(context) if context.seccompProfile.type in {"Localhost", "RuntimeDefault"}

of_container(j, c) := sprintf("the container %q", [c.name]) if c.name != ""

of_container(_, c) := concat(".", array.slice(c.path, 1, count(c.path))) if c.name == ""
