# METADATA
# title: down-after-milliseconds is too short
# description: |-
#   A master that does not respond for down-after-milliseconds is considered down. Below one second, a slow command,
#   a fork or a busy node triggers an unnecessary failover, and all clients reconnect. failover-timeout must be
#   longer, because the failover has to complete within it.
# custom:
#   severity: warning
#   kinds: [RedisFailover]
#   remediation: Keep the defaults, down-after-milliseconds 5000 and failover-timeout 10000.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
#     - spotahome/redis-operator v1.2.4 api/redisfailover/v1/defaults.go
package redisgitops.ha["sentinel-timing"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("down-after-milliseconds %d treats slow commands as failures; use 1000 or more (default 5000)", [down.ms]),
	"path": down.path,
} if {
	down := setting("down-after-milliseconds")
	down.ms < 1000
}

deny contains {
	"message": sprintf("failover-timeout %d is shorter than down-after-milliseconds %d; use twice that value", [timeout.ms, down.ms]),
	"path": timeout.path,
} if {
	down := setting("down-after-milliseconds")
	timeout := setting("failover-timeout")
	timeout.ms < down.ms
}

setting(key) := s if {
	found := [{"ms": to_number(d.value), "path": ["spec", "sentinel", "customConfig", d.index]} |
		some d in redisfailover.sentinel
		d.key == key
		regex.match(`^[0-9]{1,12}$`, d.value)
	]
	s := found[count(found) - 1]
}
