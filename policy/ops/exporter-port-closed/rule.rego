# METADATA
# title: Exporter does not listen on redisExporter.port
# description: |-
#   Only a RedisCluster passes redisExporter.port to the exporter. For other kinds the exporter listens on 9121, and the Services
#   and annotations for Prometheus point to the port in the resource: no metrics are scraped.
# custom:
#   kinds: [Redis, RedisReplication, RedisSentinel]
#   fix: sets the port to 9121
#   since: 0.1.0
#   remediation: Remove redisExporter.port, or set it to 9121.
#   references:
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-cluster.go:214-216, the only use of the port
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis-replication.go:67-74 and :184-195
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/statefulset.go:866-871, getExporterEnvironmentVariables
package redisgitops.ops["exporter-port-closed"]

import data.redisgitops.lib.opstree

deny contains {
	"message": sprintf("the exporter listens on 9121 whatever the port, so nothing answers on %v; use 9121", [port]),
	"path": ["spec", "redisExporter", "port"],
	"fix": {"path": ["spec", "redisExporter", "port"], "op": "set", "value": 9121},
} if {
	opstree.owns(input)
	input.spec.redisExporter.enabled == true
	port := input.spec.redisExporter.port
	is_number(port)
	port != 9121
	not told_by_env
}

told_by_env if {
	some e in input.spec.redisExporter.env
	e.name == "REDIS_EXPORTER_WEB_LISTEN_ADDRESS"
}
