# METADATA
# title: Authentication of KubeDB is disabled
# description: |-
#   With disableAuth every pod in the cluster can read and change the data, or tell the sentinels to fail over. Reported in
#   strict mode only.
# custom:
#   severity: "off"
#   strict: error
#   kinds: [Redis, RedisSentinel]
#   since: 0.1.0
#   remediation: Remove disableAuth; the operator then creates a Secret with a generated password.
#   references:
#     - https://github.com/kubedb/docs/blob/dd66a58b/docs/guides/redis/concepts/redis.md
package redisgitops.kdb["auth-disabled"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": "authentication is disabled; remove disableAuth",
	"path": ["spec", "disableAuth"],
} if {
	kubedb.owns(input)
	input.spec.disableAuth == true
}
