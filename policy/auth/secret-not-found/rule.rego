# METADATA
# title: Password Secret does not exist
# description: |-
#   The operator, or the pods, read the password from a Secret in the namespace of the Redis, such as that of
#   auth.secretPath of a RedisFailover. Until the Secret exists, the operator creates neither configuration nor Redis,
#   or the pods do not start. Secrets, SealedSecrets, ExternalSecrets and those of Vault and other stores count. A
#   Secret created manually is not part of the repository, so its existence cannot be verified.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   fix: 'suggested: sets the name of the only Secret that differs in one letter and has a password'
#   remediation: Correct the name, or add the Secret to the repository, sealed or as an ExternalSecret.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/427
#     - https://github.com/spotahome/redis-operator/issues/201
#     - spotahome/redis-operator v1.2.4 service/k8s/util.go, GetRedisPassword
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:1065-1087
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:340-346, externallyManaged
package redisgitops.auth["secret-not-found"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.secrets

deny contains object.union(violation, fix(at, near)) if {
	some at in secrets.passwords
	r := data.repo.resources[at.resource]
	regex.match(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`, at.name)
	count(object.get(secrets.named, at.name, [])) == 0 # one of another namespace is another rule's
	not generated.name(r, "Secret", at.name) # nor one whose name kustomize changes
	near := secrets.alike(r, at.name)
	violation := {
		"message": sprintf("Secret \"%s\" is not in the repository; %s", [at.name, advice(near)]),
		"resource": r.id,
		"path": at.path,
		"absent": {"namespace": r.namespace, "name": at.name},
		"related": [{"resource": p.resource, "path": ["metadata", "name"], "message": sprintf("Secret \"%s\"", [p.name])} | some p in near],
	}
}

advice(near) := sprintf("did you mean \"%s\"?", [near[0].name]) if count(near) > 0

else := "fix the name, or add it as a SealedSecret or ExternalSecret"

fix(at, near) := {"fix": {"path": at.path, "op": "set", "value": near[0].name, "suggested": "the name is a guess, and the Secret may be created outside of the repository"}} if {
	count({p.name | some p in near}) == 1
	at.key in object.keys(near[0].keys)
} else := {}
