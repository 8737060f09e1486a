# METADATA
# title: Redis has no backup
# description: |-
#   A volume survives the loss of a pod, but not a human error, an application bug or the loss of the volume itself.
#   This repository contains no CronJob that dumps Redis, no Velero schedule and no volume snapshots.
# custom:
#   severity: "off"
#   strict: warning
#   scope: repository
#   once: repository
#   remediation: |-
#     Back Redis up with the CronJob that `redis-gitops generate addon APP NAME backup` adds, or take snapshots with Velero or the CSI
#     driver.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/#backing-up-redis-data
package redisgitops.data["no-backup"]

import data.redisgitops.lib.redis

deny contains {
	"message": "this Redis has persistent data but no backup; run redis-gitops generate addon APP NAME backup, or add a Velero Schedule or VolumeSnapshots",
	"resource": r.id,
	"path": field,
	"absent": {},
} if {
	not backed_up
	some r in data.repo.resources
	field := redis.persistent(r.object)
}

backed_up if {
	some r in data.repo.resources
	r.kind in {"Backup", "RecurringJob", "ReplicationSource", "Schedule", "SnapshotSchedule", "VolumeSnapshot"}
}

backed_up if {
	some r in data.repo.resources
	r.kind == "CronJob"
	regex.match(`(?i)backup|bgsave|\.rdb|--rdb|redis-gitops|snapshot`, json.marshal(r.object))
}
