# METADATA
# title: Namespace rejects the pods (pod security)
# description: |-
#   A namespace that enforces a Pod Security Standard rejects pods that violate it: the controller is created, but no
#   pod. baseline forbids host namespaces, ports and volumes, privileged containers, hosts of probes, weaker profiles of
#   seccomp, AppArmor and SELinux, and other sysctls and capabilities than the safe ones. restricted also requires, for all containers, runAsNonRoot, a
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

import data.redisgitops.lib.group
import data.redisgitops.lib.pods
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.words

# The levels that namespaces enforce, as [level, minor version of Kubernetes], by name: by a Namespace, or by an Application that creates
# one.
enforced := group.by([[name, [labels["pod-security.kubernetes.io/enforce"], version(labels)]] |
	some r in data.repo.resources
	[name, labels] := labelled(r)
])

version(labels) := to_number(substring(pinned, 3, -1)) if {
	pinned := labels["pod-security.kubernetes.io/enforce-version"]
	regex.match(`^v1\.[0-9]+$`, pinned)
} else := 99

labelled(r) := [r.name, r.object.metadata.labels] if r.kind == "Namespace"

labelled(r) := [r.object.spec.destination.namespace, r.object.spec.syncPolicy.managedNamespaceMetadata.labels] if {
	r.kind == "Application"
	"CreateNamespace=true" in r.object.spec.syncPolicy.syncOptions
}

# The pods in namespaces that enforce a level: {"resource", "p", "level", "version", "at": where their host fields are, "context": the path of
# their security context, "containers"}.
judged := [object.union(place, {"resource": r, "p": p, "level": level, "version": minor, "containers": array.concat(own(r.object, place), added(p))}) |
	count(enforced) > 0
	some p in data.repo.pods
	r := pods.resource(p)
	some [level, minor] in object.get(enforced, r.namespace, set())
	level in {"baseline", "restricted"}
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

# The containers: {"path": of the security context, "context", "name": "" for those of the operator, "object": with its probes}.
own(object_, place) := [{"path": path, "name": "", "object": context(object_, parent(path), {}), "context": context(object_, path, place["default"])} | some path in place.own]

parent(path) := array.slice(path, 0, count(path) - 1)

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
			object.get(safe_sysctls, s.name, 100) > j.version
		],
		array.concat(
			array.concat(
				[{"path": array.concat(c.path, found[0]), "what": found[1]} | some c in everything(j); some found in in_context(j, c.context)],
				[{"path": array.concat(at, [key]), "what": sprintf("the AppArmor profile %v", [profile])} |
					at := j.p.at.annotations
					some key, profile in object.get(j.resource.object, at, {})
					startswith(key, "container.apparmor.security.beta.kubernetes.io/")
					not regex.match(`^($|runtime/default$|localhost/)`, profile)
				],
			),
			array.concat(
				[{"path": array.concat(parent(c.path), ["ports", i, "hostPort"]), "what": "hostPort"} |
					some c in j.containers
					some i, port in c.object.ports
					port.hostPort > 0
				],
				[{"path": array.concat(parent(c.path), at), "what": sprintf("the host of %s", [at[0]])} |
					j.version > 33
					some c in j.containers
					walk(object.filter(c.object, handlers), [at, host])
					at[count(at) - 1] == "host"
					at[count(at) - 2] in {"httpGet", "tcpSocket"}
					not host in {"", null}
				],
			),
		),
	),
)

handlers := {
	"customLivenessProbe", "customReadinessProbe", "customStartupProbe", "lifecycle", "livenessProbe", "readinessProbe",
	"startupProbe",
}

# The contexts of the pod and of its containers.
everything(j) := array.concat([{"path": j.context, "context": context(j.resource.object, j.context, {})}], j.containers)

in_context(j, c) := array.concat(
	[[field, sprintf("%s %v", [name, value])] |
		some [name, field, allowed] in array.concat(fields, fields_of(j))
		value := object.get(c, field, null)
		not value in (allowed | {null})
	],
	array.concat(
		[[["capabilities", "add", i], sprintf("the capability %s", [name])] | some i, name in c.capabilities.add; not name in capabilities[j.level]],
		[[["runAsUser"], "runAsUser: 0"] | j.level == "restricted"; j.version > 22; not in_user_namespace(j); c.runAsUser == 0],
	),
)

# The values that fields of a security context may have.
fields := [
	["privileged:", ["privileged"], {false}],
	["the seccompProfile", ["seccompProfile", "type"], profiles],
	["the appArmorProfile", ["appArmorProfile", "type"], profiles],
	["the SELinux user", ["seLinuxOptions", "user"], {""}],
	["the SELinux role", ["seLinuxOptions", "role"], {""}],
	["hostProcess:", ["windowsOptions", "hostProcess"], {false}],
]

fields_of(j) := array.concat(
	[["the SELinux type", ["seLinuxOptions", "type"], ({"", "container_init_t", "container_kvm_t", "container_t"} | {t | some t in ["container_engine_t"]; j.version > 30})]],
	array.concat(
		[["procMount:", ["procMount"], {"Default"}] | not may_unmask(j)],
		[["runAsNonRoot:", ["runAsNonRoot"], {true}] | j.level == "restricted"; not in_user_namespace(j)],
	),
)

profiles := {"Localhost", "RuntimeDefault"}

# Pods in a user namespace may run as root since Kubernetes 1.35.
in_user_namespace(j) if {
	j.version > 34
	object.get(j.resource.object, array.concat(j.at, ["hostUsers"]), true) == false
}

may_unmask(j) if {
	j.level == "baseline"
	in_user_namespace(j)
}

# Pods for Windows have no such contexts since Kubernetes 1.25.
on_windows(j) if {
	j.version > 24
	object.get(j.resource.object, array.concat(j.at, ["os", "name"]), "") == "windows"
}

capabilities := {
	"baseline": {
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
		"SETPCAP", "SETUID", "SYS_CHROOT",
	},
	"restricted": {"NET_BIND_SERVICE"},
}

# The minor versions of Kubernetes since which sysctls are safe; the newest counts as any.
safe_sysctls := {
	"kernel.shm_rmid_forced": 0, "net.ipv4.ip_local_port_range": 0, "net.ipv4.ip_local_reserved_ports": 27,
	"net.ipv4.ip_unprivileged_port_start": 0, "net.ipv4.ping_group_range": 0, "net.ipv4.tcp_fin_timeout": 29,
	"net.ipv4.tcp_keepalive_intvl": 29, "net.ipv4.tcp_keepalive_probes": 29, "net.ipv4.tcp_keepalive_time": 29,
	"net.ipv4.tcp_notsent_lowat": 37, "net.ipv4.tcp_rmem": 32, "net.ipv4.tcp_slow_start_after_idle": 37,
	"net.ipv4.tcp_syncookies": 0, "net.ipv4.tcp_wmem": 32,
}

allowed_volume("baseline", type) if type != "hostPath"

allowed_volume("restricted", type) if type in {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}

# What restricted requires.
deny contains {
	"message": sprintf("namespace %q enforces pod-security restricted and rejects the %s pods without seccompProfile; set securityContext to the operator's default plus seccompProfile {type: RuntimeDefault}", [j.resource.namespace, j.p.part]),
	"resource": j.resource.id,
	"path": j.context,
} if {
	some j in judged
	j.level == "restricted"
	j.version > 18
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
			["allowPrivilegeEscalation: false" | not on_windows(j); object.get(c.context, "allowPrivilegeEscalation", true) != false],
			["capabilities.drop: [ALL]" | j.version > 21; not on_windows(j); not drops_all(c.context)],
		),
		array.concat(
			["runAsNonRoot: true" | j.resource.kind != "RedisFailover"; not in_user_namespace(j); not user(pod); not user(c.context)],
			["seccompProfile {type: RuntimeDefault}" | j.resource.kind != "RedisFailover"; j.version > 18; not on_windows(j); not profile(pod); not profile(c.context)],
		),
	)
	count(lacking) > 0
}

drops_all(context) if "ALL" in context.capabilities.drop

user(context) if context.runAsNonRoot == true

profile(context) if context.seccompProfile.type in profiles

of_container(j, c) := sprintf("the container %q", [c.name]) if c.name != ""

of_container(_, c) := concat(".", array.slice(c.path, 1, count(c.path))) if c.name == ""
