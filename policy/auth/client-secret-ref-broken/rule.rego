# METADATA
# title: Client reads the password from the wrong Secret or key
# description: |-
#   The connection URL reads the password from a Secret or key that does not exist, or not in the namespace of the
#   pod. Kubernetes does not start the container (CreateContainerConfigError).
# custom:
#   severity: error
#   scope: repository
#   fix: 'suggested: sets the Secret name or key'
#   remediation: |-
#     Reference the key password of the Secret that the RedisFailover uses; pods in another namespace need a copy of
#     it.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/427
#     - spotahome/redis-operator v1.2.4 service/k8s/util.go, GetRedisPassword
package redisgitops.auth["client-secret-ref-broken"]

import data.redisgitops.lib.clients
import data.redisgitops.lib.secrets

deny contains object.union(wrong.absent, {
	"message": sprintf("%s; %s", [wrong.what, wrong.advice]),
	"resource": c.reference.resource,
	"path": wrong.path,
	"fix": {"path": wrong.path, "op": "set", "value": wrong.value, "suggested": "the Secret may be created outside of the repository, with its own password"},
	"related": [clients.redis(c, "the password of the Redis is defined here")],
}) if {
	some c in clients.connections
	c.secret != ""
	some i, entry in clients.container(c).env
	contains(c.password, sprintf("$(%s)", [entry.name]))
	ref := entry.valueFrom.secretKeyRef
	object.get(ref, "optional", false) != true
	wrong := broken(c, ref, array.concat(c.reference.container, ["env", i, "valueFrom", "secretKeyRef"]))
}

broken(c, ref, path) := {
	"what": sprintf("Secret \"%s\" is not in the repository", [ref.name]),
	"advice": sprintf("the password of \"%s\" is in \"%s\"", [c.redis.name, c.secret]),
	"path": array.concat(path, ["name"]), "value": c.secret,
	"absent": {"absent": {"namespace": c.reference.namespace, "name": ref.name}},
} if {
	ref.name != c.secret
	not secrets.named[ref.name]
	secrets.named[c.secret]
} else := {
	"what": sprintf("Secret \"%s\" has no key \"%s\"", [ref.name, ref.key]),
	"advice": "write \"password\"",
	"path": array.concat(path, ["key"]), "value": "password",
	"absent": {},
} if {
	ref.name == c.secret
	ref.key != "password"
	found := secrets.for_redis(c.redis)
	count(found) > 0
	every p in found {
		p.complete
		not p.keys[ref.key]
	}
}
