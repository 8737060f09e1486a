# METADATA
# title: Password Secret does not exist
# description: |-
#   The operator reads the password from the Secret in auth.secretPath, in the namespace of the RedisFailover. Until
#   the Secret exists, the operator creates neither configuration nor Redis. Secrets, SealedSecrets, ExternalSecrets
#   and those of Vault and other stores count. A Secret created manually is not part of the repository, so its
#   existence cannot be verified.
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
package redisgitops.auth["secret-not-found"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

deny contains object.union(violation, fix(near)) if {
	some r in redisfailover.all
	name := redisfailover.secret(r.object)
	regex.match(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`, name)
	count(object.get(secrets.named, name, [])) == 0 # one of another namespace is another rule's
	not generated.name(r, "Secret", name) # nor one whose name kustomize changes
	near := similar(r, name)
	violation := {
		"message": sprintf("Secret \"%s\" is not in the repository; %s", [name, advice(near)]),
		"resource": r.id,
		"path": ["spec", "auth", "secretPath"],
		"absent": {"namespace": r.namespace, "name": name},
		"related": [{"resource": p.resource, "path": ["metadata", "name"], "message": sprintf("Secret \"%s\"", [p.name])} | some p in near],
	}
}

# similar are Secrets of the namespace that differ in one letter, or that have a key of the name.
similar(r, name) := secrets.alike(r, name)

advice(near) := sprintf("did you mean \"%s\"?", [near[0].name]) if count(near) > 0

else := "fix the name, or add it as a SealedSecret or ExternalSecret"

fix(near) := {"fix": {"path": ["spec", "auth", "secretPath"], "op": "set", "value": near[0].name, "suggested": "the name is a guess, and the Secret may be created outside of the repository"}} if {
	count({p.name | some p in near}) == 1
	"password" in object.keys(near[0].keys)
} else := {}
