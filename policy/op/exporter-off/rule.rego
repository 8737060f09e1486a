# METADATA
# title: Redis exports no metrics
# description: |-
#   Without an exporter there are no metrics, and the operator of RedisFailovers deletes the Service rfr-<name>, so
#   the host names of individual pods do not resolve. Without an exporter of the sentinels a lost majority goes
#   unnoticed until it is needed; this is reported in strict mode.
# custom:
#   severity: info
#   strict: warning
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Enable the exporters, with a pinned image.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/ensurer.go:12-18, Ensure
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/defaults.go:6-7
package redisgitops.op["exporter-off"]

import data.redisgitops.lib.redis

deny contains {
	"message": sprintf("the Redis exporter is disabled, so there are no metrics; set %s to true", [field(p)]),
	"path": p.exporter,
} if {
	some p in off
	p.part != "sentinel"
}

deny contains {
	"message": sprintf("the sentinel exporter is disabled, so there are no metrics; set %s to true", [field(p)]),
	"path": p.exporter,
	"strict": true,
} if {
	some p in off
	p.part == "sentinel"
}

off := [p |
	some p in redis.parts
	p.exporter
	not redis.value(p.exporter) == true
]

field(p) := concat(".", array.slice(p.exporter, count(p.exporter) - 2, count(p.exporter)))
