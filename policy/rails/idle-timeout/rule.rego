# METADATA
# title: Redis closes idle Sidekiq connections
# description: |-
#   timeout closes connections that are idle for that many seconds: those of idle threads, and of clients that
#   enqueue few jobs. Their next command fails with a broken pipe, or is retried. tcp-keepalive detects dead clients
#   without this effect.
# custom:
#   severity: warning
#   scope: repository
#   fix: sets timeout 0
#   since: 0.1.0
#   remediation: Set timeout to 0, the default.
#   references:
#     - Redis redis.conf, timeout
#     - Redis timeout.c clientsCronHandleTimeout
package redisgitops.rails["idle-timeout"]

import data.redisgitops.lib.rails
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("timeout %s closes idle Sidekiq connections; use \"timeout 0\", and \"tcp-keepalive 60\" to detect dead clients", [d.value]),
	"resource": redis.resource,
	"path": ["spec", "redis", "customConfig", d.index],
	"fix": {"path": ["spec", "redis", "customConfig", d.index], "op": "set", "value": "timeout 0"},
} if {
	some i, _ in rails.queues
	redis := data.repo.redis[i]
	some d in redisfailover.directives(workloads.custom(data.repo.resources[redis.resource].object))
	d.key == "timeout"
	regex.match(`^[0-9]+$`, d.value)
	to_number(d.value) > 0
}
