# METADATA
# title: A field of another operator with the same API group
# description: |-
#   Several operators go by databases.spotahome.com/v1. What only a fork knows, the CustomResourceDefinition of
#   Spotahome's drops without a word: the Redis then runs without what the field asks for.
# custom:
#   kinds: [RedisFailover]
#   once: repository
#   since: 0.1.0
#   remediation: Remove the field, or install the operator that it belongs to.
#   references:
#     - spotahome/redis-operator manifests/databases.spotahome.com_redisfailovers.yaml
#     - powerhome/redis-operator
#     - freshworks-oss/redis-operator
#     - Saremox/redis-operator
package redisgitops.op["dialect-mismatch"]

deny contains {
	"message": sprintf("%s is a field of the operator of %s, which %s's does not know and drops; remove it, or install that operator", [concat(".", path), owner, data.settings.operator.name]),
	"path": path,
	"key": true,
} if {
	data.settings.operator.name == "spotahome"
	some owner, paths in fields
	some path in paths
	object.get(input, path, null) != null
}

# By the forks' schemas of 2025 and 2026.
fields := {
	"alauda": [
		["spec", "redis", "backup"], ["spec", "redis", "enableTLS"], ["spec", "redis", "expose"], ["spec", "redis", "restore"],
		["spec", "sentinel", "monitorConfig"], ["spec", "sentinel", "passwordSecret"], ["spec", "sentinel", "quorum"],
		["spec", "sentinel", "sentinelReference"],
	],
	"freshworks": [
		["spec", "engine"], ["spec", "redis", "engine"], ["spec", "redis", "disableMasterRollout"], ["spec", "redis", "preventMasterEviction"],
		["spec", "redis", "reservedPodMemoryPercent"], ["spec", "sentinel", "disableMyMaster"], ["spec", "sentinel", "engine"],
	],
	"powerhome": [["spec", "bootstrapNode", "enabled"], ["spec", "haproxy"], ["spec", "networkPolicyNsList"]],
	"Saremox or buildio": [
		["spec", "redis", "instanceManagerImage"], ["spec", "sentinel", "enabled"], ["spec", "sentinel", "failoverTimeout"],
	],
}
