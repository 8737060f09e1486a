# METADATA
# title: Password Secret is in another namespace
# description: |-
#   A RedisFailover can only use Secrets in its own namespace, because the operator and the pods look there. Until
#   one exists, the operator creates no Redis.
# custom:
#   severity: error
#   scope: repository
#   remediation: Move the Secret to the namespace of the RedisFailover.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 service/k8s/util.go, GetRedisPassword
package redisgitops.auth["secret-other-namespace"]

import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

deny contains object.union(violation, severity(r)) if {
	some r in redisfailover.all
	name := redisfailover.secret(r.object)
	others := [p | some p in secrets.anywhere(r, name); p.namespace != ""]
	count(others) > 0
	wrong(r, name)
	violation := {
		"message": sprintf("Secret \"%s\" is in namespace \"%s\", but this RedisFailover %s; use the same namespace", [name, others[0].namespace, place(r)]),
		"resource": r.id,
		"path": ["spec", "auth", "secretPath"],
		"absent": {"namespace": r.namespace, "name": name},
		"related": [{"resource": p.resource, "path": ["metadata", "namespace"], "message": "the Secret is here"} | some p in others],
	}
}

wrong(r, _) if {
	r.namespace != ""
	count(secrets.for_redis(r)) == 0
}

# Nobody knows where the RedisFailover goes, but the Secret beside it says where that one goes.
wrong(r, name) if {
	r.namespace == ""
	secrets.units[name] == {r.unit}
	not "" in secrets.namespaces[name]
}

place(r) := sprintf("is in \"%s\"", [r.namespace]) if r.namespace != ""

else := "has no namespace"

severity(r) := {} if r.namespace != ""

else := {"severity": "warning"}
