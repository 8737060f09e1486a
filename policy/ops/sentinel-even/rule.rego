# METADATA
# title: Even number of sentinels
# description: |-
#   A failover needs the votes of a majority of all sentinels. An even number tolerates as many failures as one sentinel
#   less: two sentinels stop failing over with the first failure, and a network split in half leaves no majority. The
#   operator's own check is a webhook that no chart of it installs.
# custom:
#   severity: error
#   kinds: [RedisReplication, RedisSentinel]
#   since: 0.1.0
#   remediation: Run three or five sentinels.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 api/redissentinel/v1beta2/redissentinel_webhook.go:78-85
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 charts/redis-operator/templates/mutating-webhook-configuration.yaml, no validating webhook
#     - Redis sentinel.c, sentinelGetLeader
package redisgitops.ops["sentinel-even"]

import data.redisgitops.lib.opstree

deny contains object.union(grade(n), {
	"message": sprintf("%d sentinels tolerate as many failures as %d; use an odd number, such as %d", [n, n - 1, n + 1]),
	"path": path,
}) if {
	opstree.owns(input)
	n := object.get(input, path, 0)
	is_number(n)
	n > 0
	n % 2 == 0
}

path := ["spec", "clusterSize"] if input.kind == "RedisSentinel"

path := ["spec", "sentinel", "size"] if input.kind == "RedisReplication"

# More than two sentinels still fail over after a failure.
grade(2) := {}

grade(n) := {"severity": "warning"} if n > 2
