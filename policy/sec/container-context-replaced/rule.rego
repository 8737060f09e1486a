# METADATA
# title: Security context drops the operator's defaults
# description: |-
#   The operator's default containerSecurityContext drops all capabilities, disallows privilege escalation and runs
#   as user 1000. A custom one replaces it entirely, and omitted fields fall back to the defaults of Kubernetes:
#   capabilities and privilege escalation are allowed again.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   fix: "suggested: adds the operator's defaults"
#   remediation: |-
#     Set the complete context: capabilities {drop [ALL]}, allowPrivilegeEscalation false, runAsNonRoot true.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getContainerSecurityContext
#     - spotahome/redis-operator v1.2.4 example/redisfailover/container-security-context.yaml
package redisgitops.sec["container-context-replaced"]

places := [
	["spec", "redis", "containerSecurityContext"], ["spec", "sentinel", "containerSecurityContext"],
	["spec", "sentinel", "configCopy", "containerSecurityContext"],
	["spec", "redis", "exporter", "containerSecurityContext"], ["spec", "sentinel", "exporter", "containerSecurityContext"],
]

deny contains {
	"message": sprintf("this context replaces the operator's default, which has %s; add that", [lost.words]),
	"path": array.concat(place, lost.path),
	"fix": {"path": array.concat(place, lost.path), "op": "add", "value": lost.value, "suggested": "containers that need these privileges do not start"},
} if {
	some place in places
	context := object.get(input, place, null)
	is_object(context)
	some lost in [
		{"words": "capabilities.drop [ALL]", "path": ["capabilities", "drop"], "value": ["ALL"]},
		{"words": "allowPrivilegeEscalation: false", "path": ["allowPrivilegeEscalation"], "value": false},
	]
	object.get(context, lost.path, null) == null
}
