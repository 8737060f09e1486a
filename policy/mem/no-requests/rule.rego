# METADATA
# title: Redis or its sentinels have no memory request
# description: |-
#   A pod without a memory request counts as zero for the scheduler and is the first to be evicted when the node runs
#   out of memory. For Redis this means a failover or data loss, for sentinels a lost majority.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Request the memory that the container needs; for Redis, as much as its limit.
#   references:
#     - spotahome/redis-operator operator/redisfailover/service/generator.go
#     - Kubernetes, Node-pressure Eviction
package redisgitops.mem["no-requests"]

deny contains {
	"message": sprintf("%s no memory, so %s evicted first; set resources.requests.memory", [subject, theirs]),
	"path": ["spec", missing[0], "resources", "requests", "memory"],
} if {
	count(missing) > 0
	[subject, theirs] := subjects[concat(" ", missing)]
}

subjects := {
	"redis": ["Redis requests", "it is"],
	"redis sentinel": ["Redis and its sentinels request", "they are"],
	"sentinel": ["the sentinels request", "they are"],
}

missing := [part |
	some part in ["redis", "sentinel"]
	object.get(input, ["spec", part, "resources", "requests", "memory"], "") == ""
	object.get(input, ["spec", part, "resources", "limits", "memory"], "") == "" # which is the request of who has none
	runs(part)
]

runs("redis")

runs("sentinel") if not input.spec.bootstrapNode

runs("sentinel") if input.spec.bootstrapNode.allowSentinels == true
