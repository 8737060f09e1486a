# METADATA
# title: Redis or its sentinels have no memory request
# description: |-
#   A pod without a memory request counts as zero for the scheduler and is the first to be evicted when the node runs
#   out of memory. For Redis this means a failover or data loss, for sentinels a lost majority.
# custom:
#   severity: warning
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Request the memory that the container needs; for Redis, as much as its limit.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:399 and :598, the resources
#     - Kubernetes, Node-pressure Eviction
package redisgitops.mem["no-requests"]

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("%s no memory, so %s evicted first; set resources.requests.memory", [subject, theirs]),
	"path": array.concat(redis.resources(missing[0]).path, ["requests", "memory"]),
} if {
	count(missing) > 0
	[subject, theirs] := subjects[concat(" ", [p.part | some p in missing])]
}

subjects := {
	"redis": ["Redis requests", "it is"],
	"redis sentinel": ["Redis and its sentinels request", "they are"],
	"sentinel": ["the sentinels request", "they are"],
	"leader follower": ["leaders and followers request", "they are"],
	"leader": ["the leaders request", "they are"],
	"follower": ["the followers request", "they are"],
}

missing := [p |
	some p in redis.parts
	not p.defaulted
	given := redis.resources(p).object
	object.get(given, ["requests", "memory"], "") == ""
	object.get(given, ["limits", "memory"], "") == "" # which is the request of who has none
]
