# METADATA
# title: RedisSentinel of KubeDB cannot elect a master
# description: |-
#   A failover needs the votes of a majority of the sentinels. With one, which is the default, or two, none may fail; an even
#   number tolerates no more failures than one sentinel less.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisSentinel]
#   since: 0.1.0
#   remediation: Run 3 or 5 sentinels.
#   references:
#     - kubedb/apimachinery 104ef573 apis/kubedb/v1/redis_sentinel_helpers.go:209, SetDefaults
#     - Redis, High availability with Redis Sentinel
package redisgitops.kdb["sentinel-replicas"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("%s; set replicas to %d", [effect(n), better(n)]),
	"path": ["spec", "replicas"],
} if {
	kubedb.sentinel(input)
	n := kubedb.field(input, "replicas", "unset")
	n != better(n)
}

effect("unset") := "replicas is not set, so a single sentinel runs, and without it there is no failover"

effect(n) := sprintf("%d sentinels tolerate the loss of %d", [n, max([ceil(n / 2) - 1, 0])]) if is_number(n)

better("unset") := 3

better(n) := 3 if {
	is_number(n)
	n < 3
}

better(n) := n + 1 if {
	n >= 3
	n % 2 == 0
}

better(n) := n if {
	n >= 3
	n % 2 == 1
}
