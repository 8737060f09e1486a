# METADATA
# title: Redis exports no metrics
# description: |-
#   Without spec.redis.exporter there are no metrics, and the operator deletes the Service rfr-<name>, so the host
#   names of individual pods do not resolve. Without spec.sentinel.exporter a lost majority goes unnoticed until it
#   is needed; this is reported in strict mode.
# custom:
#   severity: info
#   strict: warning
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: Enable the exporters, with a pinned image.
#   references:
#     - spotahome/redis-operator operator/redisfailover/ensurer.go
#     - spotahome/redis-operator api/redisfailover/v1/defaults.go
package redisgitops.op["exporter-off"]

deny contains {
	"message": "the Redis exporter is disabled, so there are no metrics; set exporter.enabled to true",
	"path": off("redis"),
} if {
	off("redis")
}

deny contains {
	"message": "the sentinel exporter is disabled, so there are no metrics; set exporter.enabled to true",
	"path": off("sentinel"),
	"strict": true,
} if {
	off("sentinel")
}

off(part) := ["spec", part, "exporter", "enabled"] if {
	object.get(input, ["spec", part, "exporter", "enabled"], false) == false
	is_object(object.get(input, ["spec", part, "exporter"], {}))
}
