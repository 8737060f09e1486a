# METADATA
# title: Redis is killed before it has saved
# description: |-
#   When a pod is stopped, the operator's shutdown script asks the sentinels for another master, waits 31 seconds and
#   only then saves. Kubernetes kills the pod after terminationGracePeriod, which the operator sets to 30: the master is
#   always killed before the save, and loses what came after the last snapshot. Nearly every RedisFailover has this; the
#   finding lists them.
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   once: repository
#   fix: sets terminationGracePeriod to 90
#   remediation: Set terminationGracePeriod to 90 seconds, more where saving takes longer.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/565
#     - https://github.com/spotahome/redis-operator/pull/434
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisShutdownConfigMap and getTerminationGracePeriodSeconds
package redisgitops.ha["grace-shorter-than-shutdown"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("terminationGracePeriod is %d seconds, and the shutdown script waits 31 before it saves; set it to 90", [seconds]),
	"path": ["spec", "redis", "terminationGracePeriod"],
	"fix": {"path": ["spec", "redis", "terminationGracePeriod"], "op": "add", "value": 90},
} if {
	object.get(input, ["spec", "redis", "shutdownConfigMap"], "") == "" # a script of one's own takes its own time
	redisfailover.sentinels(input) # without them the script does not wait
	seconds <= 31
}

seconds := s if {
	s := input.spec.redis.terminationGracePeriod
	is_number(s)
	s > 0
} else := 30
