# METADATA
# title: Redis closes idle Sidekiq connections
# description: |-
#   timeout closes a connection that has sent nothing for so many seconds: those of idle threads and of the clients that
#   push jobs at night. The next command of each fails with a broken pipe, or is tried again. tcp-keepalive finds clients
#   that are gone without that.
# custom:
#   severity: warning
#   scope: repository
#   fix: writes timeout 0
#   since: 0.1.0
#   remediation: Write timeout 0, which is the default.
#   references:
#     - Redis redis.conf, timeout
#     - Redis timeout.c clientsCronHandleTimeout
package redisgitops.rails["idle-timeout"]

import data.redisgitops.lib.rails
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.workloads

deny contains {
	"message": sprintf("timeout %s closes connections of Sidekiq that wait; write \"timeout 0\", and \"tcp-keepalive 60\" for clients that are gone", [d.value]),
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
