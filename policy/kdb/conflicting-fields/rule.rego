# METADATA
# title: KubeDB rejects fields that exclude each other
# description: |-
#   The webhook rejects the resource: a Secret for a password that is disabled, a halted resource that must not terminate,
#   PVCs to keep where there are none, a Secret of somebody else without its name, or mode Sentinel without a sentinel.
# custom:
#   kinds: [Redis, RedisSentinel]
#   since: 0.1.0
#   remediation: Remove one of the two fields, or add the missing one.
#   references:
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:78, 279, 324, 338 and 361
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redissentinel.go:76, 210, 235 and 244
package redisgitops.kdb["conflicting-fields"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": "authSecret is set, but disableAuth is true, which the webhook rejects; remove one of them",
	"path": ["spec", "authSecret"],
	"related": [{"path": ["spec", "disableAuth"], "message": "disableAuth"}],
} if {
	kubedb.owns(input)
	input.spec.disableAuth == true
	kubedb.field(input, "authSecret", null) != null
}

deny contains {
	"message": "halted is true, but the policy DoNotTerminate forbids it, so the webhook rejects the resource; remove one of them",
	"path": ["spec", "halted"],
	"related": [{"path": ["spec", kubedb.deletion(input)], "message": "the policy"}],
} if {
	kubedb.owns(input)
	input.spec.halted == true
	input.spec[kubedb.deletion(input)] == "DoNotTerminate"
}

deny contains {
	"message": "Halt keeps PVCs, but Ephemeral storage has none, so the webhook rejects the resource; use Delete or DoNotTerminate",
	"path": ["spec", kubedb.deletion(input)],
	"related": [{"path": ["spec", "storageType"], "message": "the storage"}],
} if {
	kubedb.owns(input)
	input.spec.storageType == "Ephemeral"
	input.spec[kubedb.deletion(input)] == "Halt"
}

deny contains {
	"message": "authSecret is externally managed, but has no name, so the webhook rejects the resource; name the Secret",
	"path": ["spec", "authSecret", "name"],
} if {
	kubedb.owns(input)
	kubedb.field(input, "disableAuth", false) != true
	input.spec.authSecret.externallyManaged == true
	object.get(input.spec.authSecret, "name", "") in {"", null}
}

deny contains {
	"message": "mode is Sentinel, but sentinelRef has no name, so the webhook rejects the resource; name a RedisSentinel",
	"path": ["spec", "sentinelRef", "name"],
} if {
	kubedb.redis(input)
	input.spec.mode == "Sentinel"
	object.get(input.spec, ["sentinelRef", "name"], "") in {"", null}
}
