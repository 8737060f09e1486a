# METADATA
# title: Redis has no backup
# description: |-
#   A disk survives a lost pod, and no slip of a person, no bug of an application and no lost volume. There is no
#   CronJob that takes a dump, no schedule of Velero and no snapshot of the volumes here.
# custom:
#   severity: "off"
#   strict: warning
#   scope: repository
#   once: repository
#   remediation: Take dumps by a CronJob with `redis-gitops dump`, or snapshots by Velero or the CSI driver.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/#backing-up-redis-data
package redisgitops.data["no-backup"]

import data.redisgitops.lib.redisfailover

deny contains {
	"message": "the data of this Redis has a disk and no backup; add a CronJob that takes a dump, a Schedule of Velero or VolumeSnapshots",
	"resource": r.id,
	"path": ["spec", "redis", "storage", "persistentVolumeClaim"],
} if {
	some r in redisfailover.all
	is_object(r.object.spec.redis.storage.persistentVolumeClaim)
	not backed_up
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
