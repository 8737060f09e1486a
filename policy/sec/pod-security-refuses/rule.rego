# METADATA
# title: Namespace rejects the pods (pod security)
# description: |-
#   A namespace that enforces the restricted Pod Security Standard only admits pods with a seccompProfile of
#   RuntimeDefault or Localhost, which the operator's security contexts lack; restricted and baseline reject
#   hostNetwork. The operator creates the StatefulSet and the Deployment, but their pods are rejected.
# custom:
#   severity: error
#   scope: repository
#   since: 0.1.0
#   remediation: |-
#     Set securityContext of redis and sentinel to the operator's, plus a profile: runAsUser, runAsGroup and fsGroup
#     1000, runAsNonRoot true, seccompProfile {type RuntimeDefault}.
#   references:
#     - https://kubernetes.io/docs/concepts/security/pod-security-standards/
#     - kubernetes/pod-security-admission v0.36.3 policy/check_seccompProfile_restricted.go and check_hostNamespaces.go
#     - spotahome/redis-operator v1.2.4 and 632aa3da operator/redisfailover/service/generator.go, getSecurityContext and getContainerSecurityContext
package redisgitops.sec["pod-security-refuses"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("namespace %q enforces pod-security restricted and rejects the %s pods without seccompProfile; set securityContext to the operator's default plus seccompProfile {type: RuntimeDefault}", [r.namespace, part]),
	"resource": r.id,
	"path": ["spec", part, "securityContext"],
} if {
	some r in redisfailover.all
	r.namespace in restricted
	some part in redisfailover.parts
	made(r.object, part)
	not profile(object.get(r.object, ["spec", part, "securityContext"], {}))
	not all_containers(r.object, part)
}

deny contains {
	"message": sprintf("namespace %q enforces pod-security and rejects the %s pods because of hostNetwork; remove it", [r.namespace, part]),
	"resource": r.id,
	"path": ["spec", part, "hostNetwork"],
} if {
	some r in redisfailover.all
	r.namespace in without_host_network
	some part in redisfailover.parts
	made(r.object, part)
	r.object.spec[part].hostNetwork == true
}

restricted := enforcing("restricted")

# enforcing returns the namespaces that enforce a level.
enforcing(level) := {r.name |
	some r in data.repo.resources
	r.kind == "Namespace"
	r.object.metadata.labels["pod-security.kubernetes.io/enforce"] == level
}

without_host_network := restricted | enforcing("baseline")

# made reports whether the operator makes the pods.
made(_, "redis")

made(rf, "sentinel") if redisfailover.sentinels(rf)

profile(context) if context.seccompProfile.type in {"Localhost", "RuntimeDefault"}

# all_containers: each container of the pods has a profile of its own.
all_containers(rf, part) if {
	every place in containers(rf, part) { profile(object.get(rf.spec[part], place, {})) }
	every list in ["extraContainers", "initContainers"] {
		every c in object.get(rf.spec[part], list, []) { profile(object.get(c, "securityContext", {})) }
	}
}

containers(rf, part) := array.concat(
	array.concat([["containerSecurityContext"]], [["configCopy", "containerSecurityContext"] | part == "sentinel"]),
	[["exporter", "containerSecurityContext"] | rf.spec[part].exporter.enabled == true],
)
