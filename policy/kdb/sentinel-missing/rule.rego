# METADATA
# title: RedisSentinel of the KubeDB Redis does not exist
# description: |-
#   A Redis in mode Sentinel names the RedisSentinel that watches it, in the same namespace unless sentinelRef.namespace names
#   another one. The webhook does not check that it exists: the operator refuses to provision the Redis. A name is reported
#   where the repository has a RedisSentinel of KubeDB, but none of that name in that namespace.
# custom:
#   severity: warning
#   strict: error
#   scope: repository
#   since: 0.1.0
#   remediation: Correct the name or the namespace, or add the RedisSentinel to the repository.
#   references:
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:384, ValidateForSentinel
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1/redis_helpers.go:261, the default of the namespace
package redisgitops.kdb["sentinel-missing"]

import data.redisgitops.lib.kubedb
import data.redisgitops.lib.words

deny contains object.union(grave(m), {
	"message": sprintf("no RedisSentinel %q is in the repository%s; %s", [m.name, where(m.namespace), advice(m)]),
	"resource": m.resource.id,
	"path": ["spec", "sentinelRef", "name"],
	"absent": {"namespace": m.namespace, "name": m.name},
}) if {
	count(kubedb.sentinels) > 0
	some m in kubedb.monitored
	count(kubedb.watching(m)) == 0
}

where("") := ""

where(namespace) := sprintf(" in namespace %q", [namespace]) if namespace != ""

# A name that is nearly right, or that of another namespace, is a slip.
grave(m) := {"severity": "error"} if count(elsewhere(m)) + count(near(m)) > 0

else := {}

elsewhere(m) := sort({kubedb.sentinels[i].namespace | some i in object.get(kubedb.by_place, [[m.name]], [])})

# Of many names, none is compared.
near(m) := words.near(m.name, names) if count(names) <= kubedb.most

else := []

names := {s.name | some s in kubedb.sentinels}

advice(m) := sprintf("it is in namespace %q, so set sentinelRef.namespace", [elsewhere(m)[0]]) if count(elsewhere(m)) > 0

else := sprintf("did you mean %q?", [near(m)[0]]) if count(near(m)) > 0

else := "correct the name, or add it"
