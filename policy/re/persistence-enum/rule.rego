# METADATA
# title: Unknown persistence policy of Redis Enterprise
# description: |-
#   The CRD only accepts the policies disabled, aofEverySecond, aofAlways, snapshotEvery1Hour, snapshotEvery6Hour and
#   snapshotEvery12Hour. The API server rejects the resource, and with it the whole sync of Argo CD or Flux.
# custom:
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Use one of the policies in the message.
#   references:
#     - RedisLabs/redis-enterprise-k8s-docs 2c2f61d crds/redb_crd.yaml and crds/reaadb_crd.yaml, persistence
package redisgitops.re["persistence-enum"]

import data.redisgitops.lib.enterprise
import data.redisgitops.lib.words

deny contains {
	"message": sprintf("invalid persistence \"%v\"; use %s", [d.spec.persistence, advice(d.spec.persistence)]),
	"path": array.concat(d.path, ["persistence"]),
} if {
	d := enterprise.database(input)
	not d.spec.persistence in policies
	not d.spec.persistence in {"", null}
}

policies := {"aofAlways", "aofEverySecond", "disabled", "snapshotEvery12Hour", "snapshotEvery1Hour", "snapshotEvery6Hour"}

advice(value) := concat(" or ", near) if {
	is_string(value)
	near := sort({p | some p in words.near(value, policies)} | {p | some p in policies; startswith(lower(p), lower(value))})
	count(near) > 0
} else := concat(", ", sort(policies))
