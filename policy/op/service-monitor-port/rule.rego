# METADATA
# title: ServiceMonitor port does not exist on the Service
# description: |-
#   The Service rfr-<name> has one port, http-metrics, and the component redis. A ServiceMonitor with another port or
#   component matches nothing, without an error.
# custom:
#   kinds: [ServiceMonitor, VMServiceScrape]
#   fix: sets http-metrics
#   since: 0.1.0
#   remediation: Use the port http-metrics and the component redis.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/service/constants.go:5-7
package redisgitops.op["service-monitor-port"]

deny contains {
	"message": sprintf("the operator's Service has no port \"%v\"; use http-metrics", [endpoint.port]),
	"path": ["spec", "endpoints", i, "port"],
	"fix": {"path": ["spec", "endpoints", i, "port"], "op": "set", "value": "http-metrics"},
} if {
	labels.component == "redis"
	some i, endpoint in input.spec.endpoints
	endpoint.port != "http-metrics"
}

deny contains {
	"message": "the operator creates no Service with sentinel metrics; use a PodMonitor for the port \"metrics\"",
	"path": ["spec", "selector", "matchLabels", "app.kubernetes.io/component"],
} if {
	labels.component == "sentinel"
}

labels := {"component": selector["app.kubernetes.io/component"]} if {
	selector := input.spec.selector.matchLabels
	selector["app.kubernetes.io/part-of"] == "redis-failover"
}
