# METADATA
# title: Sentinel metrics are not exposed by a Service
# description: |-
#   The Service rfs-<name> only has port 26379, so a ServiceMonitor cannot scrape the sentinel exporter on port 9355.
#   A PodMonitor can, using the port name metrics.
# custom:
#   severity: warning
#   scope: repository
#   once: repository
#   since: 0.1.0
#   remediation: |-
#     Add a PodMonitor that selects app.kubernetes.io/component: sentinel and the port metrics.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/generator.go:48, generateSentinelService
#     - https://github.com/spotahome/redis-operator/issues/573
#     - https://github.com/spotahome/redis-operator/issues/251
package redisgitops.op["sentinel-exporter-unreachable"]

deny contains {
	"message": sprintf("the sentinel exporter is enabled, but the Service \"rfs-%s\" has no port for it and no PodMonitor selects the sentinels; add a PodMonitor for the port \"metrics\"", [r.name]),
	"resource": r.id,
	"path": ["spec", "sentinel"],
	"absent": {"namespace": r.namespace},
} if {
	some r in data.repo.resources
	r.kind == "RedisFailover"
	r.object.spec.sentinel.exporter.enabled == true
	not scraped(r)
}

scraped(r) if r.object.spec.sentinel.podAnnotations["prometheus.io/scrape"]

scraped(r) if {
	some selector in selectors
	every key, value in selector { labels(r.name)[key] == value }
}

# Of monitors over pods, and of Services that give the exporter a port.
selectors := {selector |
	some r in data.repo.resources
	r.kind in {"PodMonitor", "VMPodScrape", "PodMonitoring"}
	selector := object.get(r.object, ["spec", "selector", "matchLabels"], {})
} | {selector |
	some r in data.repo.resources
	r.kind == "Service"
	some port in r.object.spec.ports
	port.targetPort in {9355, "metrics"}
	selector := object.get(r.object, ["spec", "selector"], {})
}

labels(name) := {
	"app.kubernetes.io/component": "sentinel", "app.kubernetes.io/managed-by": "redis-operator", "app.kubernetes.io/name": name,
	"app.kubernetes.io/part-of": "redis-failover", "redisfailovers.databases.spotahome.com/name": name,
}
