# METADATA
# title: Operator of running Redis is changed or removed
# description: |-
#   Another operator, or another version of it, may write other pod templates and Services: then every Redis restarts, all at
#   once. Without one, replicas and sentinels run on, but nothing repairs them or moves the role labels after a failover.
# custom:
#   scope: native
#   compares: true
#   severity: warning
#   strict: error
#   since: 0.2.0
#   remediation: Read the release notes, try the operator in one namespace first, and do not run two for the same resources.
#   references:
#     - spotahome/redis-operator 632aa3da operator/redisfailover/ensurer.go:32
#     - https://github.com/OT-CONTAINER-KIT/redis-operator/issues/1427
#     - freshworks-oss/redis-operator 7bf309bf operator/redisfailover/factory.go:73
package redisgitops.op["operator-changed"]
