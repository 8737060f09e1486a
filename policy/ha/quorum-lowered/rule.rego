# METADATA
# title: Fewer sentinels decide about a failover
# description: |-
#   A failover needs a quorum of sentinels that agree that the master is down, and a majority of all sentinels that ever were
#   known. Removed sentinels count until they are forgotten: meanwhile the remaining ones may not reach the majority, and with
#   a low quorum one side of a broken network link can decide alone.
# custom:
#   scope: native
#   compares: true
#   severity: warning
#   strict: error
#   since: 0.2.0
#   remediation: Keep 3 or 5 sentinels, and a quorum of more than half of them.
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/check.go:143
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
package redisgitops.ha["quorum-lowered"]
