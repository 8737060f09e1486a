# METADATA
# title: PVCs are deleted with the KubeDB Redis
# description: |-
#   With the policy Delete, which is the default, the PVCs are deleted with the resource, and with WipeOut its Secrets and
#   backups too: an Argo CD prune, a renamed application or a deleted namespace deletes the data. Halt keeps the PVCs, and
#   DoNotTerminate has the webhook reject the deletion. Version v1alpha2 of the API calls the field terminationPolicy. A
#   cache, labelled purpose: cache, may go.
# custom:
#   severity: warning
#   strict: error
#   kinds: [Redis]
#   since: 0.1.0
#   remediation: Set the policy to DoNotTerminate, or to Halt where the resource may be deleted but not its data.
#   references:
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1/redis_helpers.go:236, SetDefaults
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1/types.go:102-113, DeletionPolicy
#     - https://github.com/kubedb/docs/blob/dd66a58b/docs/guides/redis/concepts/redis.md?plain=1#L433
package redisgitops.kdb["deletion-policy"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("%s; set %s to DoNotTerminate, or to Halt to keep the PVCs", [effects[policy], key]),
	"path": ["spec", key],
} if {
	kubedb.redis(input)
	key := kubedb.deletion(input)
	policy := kubedb.field(input, key, "")
	not kubedb.cache(input)
	kubedb.field(input, "halted", false) != true # which sets Halt
	at_risk(policy)
	not misnamed
}

# Delete takes nothing but PVCs.
at_risk("WipeOut")

at_risk(policy) if {
	policy in {"", "Delete"}
	kubedb.field(input, "storageType", "Durable") == "Durable"
}

# kdb/wrong-version-field reports it.
misnamed if {
	some other in ["deletionPolicy", "terminationPolicy"]
	other != kubedb.deletion(input)
	input.spec[other]
}

effects := {
	"": sprintf("%s is not set, so the default Delete deletes the PVCs with the Redis", [kubedb.deletion(input)]),
	"Delete": "Delete deletes the PVCs with the Redis",
	"WipeOut": "WipeOut deletes the PVCs, Secrets and backups with the Redis",
}
