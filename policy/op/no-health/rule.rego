# METADATA
# title: Argo CD has no health check for Redis
# description: |-
#   A RedisFailover has no status, so Argo CD shows it as healthy as soon as it is applied: sync waves do not wait
#   for it, and a broken Redis stays green.
# custom:
#   severity: "off"
#   strict: info
#   scope: repository
#   since: 0.1.0
#   remediation: Add a health check in Lua, or alert on the metrics of Redis.
#   references:
#     - https://github.com/spotahome/redis-operator/pull/667
#     - Argo CD, Resource Health
package redisgitops.op["no-health"]

deny contains {
	"message": "no health check for RedisFailover, so Argo CD always shows it as healthy; add resource.customizations.health.databases.spotahome.com_RedisFailover",
	"resource": r.id,
	"path": ["data", "resource.customizations.health.databases.spotahome.com_RedisFailover"],
} if {
	some r in data.repo.resources
	r.kind == "ConfigMap"
	r.name == "argocd-cm"
	count({key | some key, text in r.object.data; contains(sprintf("%s %s", [key, text]), "RedisFailover")}) == 0
	some redis in data.repo.redis
	redis.kind == "RedisFailover"
}
