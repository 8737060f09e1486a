# METADATA
# title: Redis closes connections that are idle
# description: |-
#   timeout closes a connection that has sent nothing for so many seconds: Sidekiq's idle threads, the pool of a web
#   server at night. The next command of each fails with a broken pipe or a retry. tcp-keepalive finds clients that are
#   gone without that.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   fix: writes timeout 0
#   since: 0.1.0
#   remediation: Write timeout 0, which is the default.
#   references:
#     - Redis redis.conf, timeout
package redisgitops.rails["idle-timeout"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("timeout %s closes connections of clients that wait; write \"timeout 0\", and \"tcp-keepalive 60\" for those that are gone", [d.value]),
	"path": ["spec", "redis", "customConfig", d.index],
	"fix": {"path": ["spec", "redis", "customConfig", d.index], "op": "set", "value": "timeout 0"},
} if {
	some d in redisfailover.redis
	d.key == "timeout"
	regex.match(`^[0-9]+$`, d.value)
	to_number(d.value) > 0
}
