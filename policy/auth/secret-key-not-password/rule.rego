# METADATA
# title: Secret has no key password
# description: |-
#   The operator only reads the key password of the Secret. Without it, the operator reports that the Secret does not
#   have a password field, and creates no Redis.
# custom:
#   severity: error
#   scope: repository
#   remediation: Rename the key to password.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/k8s/util.go, GetRedisPassword
package redisgitops.auth["secret-key-not-password"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

deny contains object.union(absent(r), {
	"message": sprintf("%s the key \"password\", the only one the operator reads; rename the key", [has]),
	"resource": p.resource,
	"path": place(p),
	"key": true,
	"related": [{"resource": r.id, "path": ["spec", "auth", "secretPath"], "message": "required by this RedisFailover"}],
}) if {
	some r in redisfailover.all
	redisfailover.secret(r.object) != ""
	some p in meant(r)
	p.complete
	not p.keys.password
	has := words(p)
}

# meant is the Secret of the name, or one of the namespace that has a key of the name.
meant(r) := found if {
	found := secrets.for_redis(r)
	count(found) > 0
} else := [p |
	name := redisfailover.secret(r.object)
	name != ""
	not secrets.named[name]
	some p in secrets.with_key(r, name)
]

# absent: without a Secret of the name, another one is only taken for it.
absent(r) := {} if secrets.named[redisfailover.secret(r.object)]

else := {"absent": {"namespace": r.namespace, "name": redisfailover.secret(r.object)}}

words(p) := sprintf("\"%s\" is not", [key]) if {
	some key, _ in p.keys
	count(p.keys) == 1
} else := sprintf("Secret \"%s\" lacks", [p.name])

place(p) := path if {
	some _, path in p.keys
	count(p.keys) == 1
} else := array.concat(array.slice(path, 0, count(path) - 1), ["password"]) if {
	path := p.keys[min(object.keys(p.keys))]
}
