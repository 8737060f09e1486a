# METADATA
# title: memorySize is not a size of Redis Enterprise
# description: |-
#   Redis Enterprise takes sizes such as 100MB, 0.1GB or 1GB, at least 100MB, and 1GB with Auto Tiering. The CRD accepts any
#   string, so a Kubernetes quantity such as 1Gi only fails in the operator: the database is not created or not changed.
#   Without memorySize the database has 100MB.
# custom:
#   kinds: [RedisEnterpriseDatabase, RedisEnterpriseActiveActiveDatabase]
#   since: 0.1.0
#   remediation: Write the size with MB or GB.
#   references:
#     - https://github.com/RedisLabs/redis-enterprise-k8s-docs/blob/2c2f61d/redis_enterprise_database_api.md?plain=1#L235
package redisgitops.re["memory-format"]

import data.redisgitops.lib.enterprise

deny contains {
	"message": sprintf("%s %q has a unit of Kubernetes; use MB or GB, for example %s", [field, size, concat("", [parts[1], decimal[parts[2]]])]),
	"path": array.concat(d.path, [field]),
} if {
	d := enterprise.database(input)
	some field in ["memorySize", "rofRamSize"]
	size := d.spec[field]
	is_string(size)
	[parts] := regex.find_all_string_submatch_n(`^([0-9]+(?:\.[0-9]+)?) ?([KMGT]i)B?$`, size, 1)
}

decimal := {"Gi": "GB", "Ki": "MB", "Mi": "MB", "Ti": "TB"}

deny contains {
	"message": sprintf("%s %v is a number; write a string with a unit, for example 100MB", [field, d.spec[field]]),
	"path": array.concat(d.path, [field]),
} if {
	d := enterprise.database(input)
	some field in ["memorySize", "rofRamSize"]
	is_number(d.spec[field])
}

deny contains {
	"message": sprintf("memorySize %q is below the minimum of %s; use %s or more", [d.spec.memorySize, least, least]),
	"path": array.concat(d.path, ["memorySize"]),
} if {
	d := enterprise.database(input)
	[least, minimum] := minimum_of(d.spec)
	megabytes(d.spec.memorySize) < minimum
}

minimum_of(spec) := ["1GB", 1000] if spec.isRof == true

else := ["100MB", 100]

# megabytes is the smallest number that the size can mean.
megabytes(size) := to_number(parts[1]) * in_megabytes[parts[2]] if {
	[parts] := regex.find_all_string_submatch_n(`^([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(MB|GB|TB)$`, size, 1)
}

in_megabytes := {"GB": 1024, "MB": 1, "TB": 1048576}

deny contains {
	"message": "memorySize is not set, so the database has 100MB; set it",
	"severity": "info",
	"path": array.concat(d.path, ["memorySize"]),
} if {
	d := enterprise.database(input)
	object.get(d.spec, "memorySize", "") in {"", null}
}
