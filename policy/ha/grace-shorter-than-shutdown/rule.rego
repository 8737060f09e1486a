# METADATA
# title: Termination grace period is too short to save
# description: |-
#   When the pod of the master stops, the operator's shutdown script triggers a failover, waits 31 seconds and only
#   then saves. With a terminationGracePeriod of up to 31 seconds, including the operator's default of 30, that save
#   does not happen. By then the failover has moved the writes, and after the hook the kubelet sends SIGTERM and
#   waits at least 2 seconds, in which Redis saves if it has save points. Only a save that takes longer, or one that
#   SIGTERM does not trigger (save ""), is lost. Nearly every RedisFailover is affected; the finding lists them.
# custom:
#   severity: info
#   strict: warning
#   kinds: [RedisFailover]
#   once: repository
#   fix: sets terminationGracePeriod to 90
#   remediation: Set terminationGracePeriod to 90 seconds, or more if saving takes longer.
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/565
#     - https://github.com/spotahome/redis-operator/pull/434
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, generateRedisShutdownConfigMap and getTerminationGracePeriodSeconds
#     - kubernetes/kubernetes v1.36.3 pkg/kubelet/kuberuntime/kuberuntime_container.go:905, killContainer
#     - redis/redis 7.0 src/server.c, prepareForShutdown and finishShutdown
package redisgitops.ha["grace-shorter-than-shutdown"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": sprintf("terminationGracePeriod is %d seconds, but the shutdown script of a master waits 31 seconds before it saves, and %s; set it to 90", [seconds, left]),
	"path": ["spec", "redis", "terminationGracePeriod"],
	"fix": {"path": ["spec", "redis", "terminationGracePeriod"], "op": "add", "value": 90},
} if {
	object.get(input, ["spec", "redis", "shutdownConfigMap"], "") == "" # a script of one's own takes its own time
	is_object(input.spec.redis.storage.persistentVolumeClaim) # an emptyDir goes with the pod
	redisfailover.sentinels(input) # without them the script does not wait
	seconds <= 31
}

# What SIGTERM still saves.
left := "with save \"\", SIGTERM does not save either" if redisfailover.saves_nothing

else := "the save on SIGTERM only has 2 seconds"

# Without a period, or with 0, it is the operator's; another type of value has no number to compare.
seconds := s if {
	s := input.spec.redis.terminationGracePeriod
	is_number(s)
	s > 0
} else := 30 if object.get(input, ["spec", "redis", "terminationGracePeriod"], null) in {null, 0}
