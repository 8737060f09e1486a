# METADATA
# title: Version is not in the catalog of KubeDB
# description: |-
#   spec.version names a RedisVersion of the cluster, such as 8.2.2 or valkey-8.1.1, and no tag of an image. The webhook rejects
#   a name that it does not find. Reported are names of no version, and versions that the catalog of August 2026 has passed
#   over: older than the newest of their line, and not in it.
# custom:
#   severity: warning
#   kinds: [Redis, RedisSentinel]
#   scope: repository
#   since: 0.1.0
#   remediation: Use a version of `kubectl get redisversions`, or add a RedisVersion to the repository.
#   references:
#     - kubedb/installer 0c6e2459 (2026-08-21) catalog/kubedb/raw/redis
#     - kubedb/apimachinery 104ef573 pkg/webhooks/kubedb/v1/redis.go:88
package redisgitops.kdb["version-unknown"]

import data.redisgitops.lib.kubedb

deny contains {
	"message": sprintf("version %q is not in the catalog of KubeDB; %s", [version, advice(version)]),
	"resource": r.id,
	"path": ["spec", "version"],
	"absent": {"namespace": "", "name": version},
} if {
	some r in data.repo.resources
	kubedb.owns(r.object)
	version := r.object.spec.version
	is_string(version)
	version != ""
	not version in kubedb.catalog
	not version in own
	not newer(version)
	regex.match(`^(v?[0-9]|redis-|redis:|valkey)`, version) # others are names of a RedisVersion of one's own
}

own := {r.name | some r in data.repo.resources; r.kind == "RedisVersion"}

# A later catalog may have later patches and lines.
newer(version) if {
	[prefix, line, patch] := parts(version)
	every known in releases { not passed(known, prefix, line, patch) }
}

# The catalog has a later patch of the line.
passed([prefix, line, other], prefix, line, patch) if other > patch

releases := [parts(name) | some name in kubedb.catalog]

parts(version) := [m[1], m[2], to_number(m[3])] if {
	[m] := regex.find_all_string_submatch_n(`^(valkey-|)([0-9]{1,4}\.[0-9]{1,4})\.([0-9]{1,4})(?:-v[0-9]{1,4})?$`, version, 1)
}

advice(version) := sprintf("did you mean %q?", [near[count(near) - 1]]) if {
	near := of_line(concat("", [plain(version), "."]))
	count(near) > 0
} else := sprintf("did you mean %q?", [plain(version)]) if {
	plain(version) in kubedb.catalog
} else := sprintf("did you mean %q?", [near[count(near) - 1]]) if {
	[prefix, line, _] := parts(plain(version))
	near := of_line(concat("", [prefix, line, "."]))
	count(near) > 0
} else := "use one of `kubectl get redisversions`"

of_line(start) := [known | some known in kubedb.current; startswith(known, start)]

# The line of a version, or the version, without what the names of tags and charts have in front or behind.
plain(version) := name if {
	[m] := regex.find_all_string_submatch_n(`^(valkey-?|redis-?|)[v:]?([0-9]+(?:\.[0-9]+){0,2})`, version, 1)
	name := concat("", [vendor(m[1]), m[2]])
} else := version

vendor(text) := "valkey-" if startswith(text, "valkey")

else := ""
