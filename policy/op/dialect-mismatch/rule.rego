# METADATA
# title: Field belongs to a different operator fork
# description: |-
#   Several operators share the API group databases.spotahome.com/v1. Spotahome's CRD silently drops fields that only
#   a fork supports: Redis then runs without them.
# custom:
#   kinds: [RedisFailover]
#   once: repository
#   since: 0.1.0
#   remediation: Remove the field, or install the operator it belongs to.
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
	some [at, owners] in fields
	some field in object.keys(object.get(input, at, {})) & object.keys(owners)
	path := array.concat(at, [field])
	object.get(input, path, null) != null
	owner := owners[field]
}

# By the forks' schemas of 2025 and 2026.
fields := [
	[["spec"], {"engine": "freshworks", "haproxy": "powerhome", "networkPolicyNsList": "powerhome"}],
	[["spec", "bootstrapNode"], {"enabled": "powerhome"}],
	[["spec", "redis"], {
		"backup": "alauda", "disableMasterRollout": "freshworks", "enableTLS": "alauda", "engine": "freshworks", "expose": "alauda",
		"instanceManagerImage": "Saremox or buildio", "preventMasterEviction": "freshworks",
		"reservedPodMemoryPercent": "freshworks", "restore": "alauda",
	}],
	[["spec", "sentinel"], {
		"disableMyMaster": "freshworks", "enabled": "Saremox or buildio", "engine": "freshworks",
		"failoverTimeout": "Saremox or buildio", "monitorConfig": "alauda", "passwordSecret": "alauda", "quorum": "alauda",
		"sentinelReference": "alauda",
	}],
]
