# METADATA
# title: Redis Enterprise cluster cannot keep a quorum
# description: |-
#   The nodes of a cluster need a majority to change anything, failovers included. The number of nodes must be odd and at
#   least 3: with two, none may fail, and an even number tolerates no more failures than one node less.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisEnterpriseCluster]
#   since: 0.1.0
#   remediation: Run 3, 5 or another odd number of nodes.
#   references:
#     - https://redis.io/docs/latest/operate/kubernetes/reference/cluster-options/
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_cluster_api.md?plain=1#L520
package redisgitops.re["nodes-even"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("%s; set nodes to %d", [effect(n), better(n)]),
	"path": ["spec", "nodes"],
} if {
	enterprise.owns(input)
	n := input.spec.nodes
	is_number(n)
	n != better(n)
}

effect(n) := sprintf("%d nodes tolerate the loss of %d", [n, ceil(n / 2) - 1]) if n > 1

else := "a single node has no other one to take over"

better(n) := 3 if n < 3

else := n + 1 if n % 2 == 0

else := n
