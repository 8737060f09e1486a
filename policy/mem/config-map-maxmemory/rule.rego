# METADATA
# title: maxmemory in a ConfigMap does not fit the memory limit
# description: |-
#   maxmemory only covers the data: the copy-on-write memory of a fork for a snapshot or a new replica, output
#   buffers and fragmentation are added to it. Above 80 percent of the limit of the container, a save under write load
#   is enough to get Redis OOM-killed; at the limit, it is killed before it evicts keys or rejects writes. This is the
#   configuration of a StatefulSet or Deployment whose arguments name the file, and additionalRedisConfig of OpsTree.
# custom:
#   kinds: [redis]
#   since: 0.1.0
#   remediation: Set maxmemory to three quarters of the limit and at most to the request, or raise both.
#   references:
#     - Redis evict.c getMaxmemoryState
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:363 and :427
package redisgitops.mem["config-map-maxmemory"]

import data.redisgitops.lib.memory

deny contains object.union(fault, {"path": memory.maxmemory.path, "related": [{"path": memory.limit_path, "message": "the limit"}]}) if {
	memory.maxmemory.form == "file"
}

fault := {"message": sprintf("maxmemory %s is not below the memory limit \"%v\" of %s, so Redis is killed before it is full; set it to %s", [memory.maxmemory.text, memory.limit_text, of, memory.most])} if {
	memory.maxmemory.bytes >= memory.limit
} else := {"message": sprintf("maxmemory %s is more than 80%% of the memory limit \"%v\" of %s; set it to %s", [memory.maxmemory.text, memory.limit_text, of, memory.most]), "severity": "warning"} if {
	memory.maxmemory.bytes > memory.limit * 0.8
}

of := sprintf("%s/%s", [input.kind, input.metadata.name])
