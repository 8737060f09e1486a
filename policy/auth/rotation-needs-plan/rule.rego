# METADATA
# title: Password of a running Redis changes
# description: |-
#   A running server keeps its password until it restarts, while the operator and restarted clients use the new one at once.
#   Spotahome's operator finds no master then and stops before it restarts the pods; others restart them one after another,
#   and replicas cannot follow a master with another password.
# custom:
#   scope: native
#   compares: true
#   severity: warning
#   strict: error
#   since: 0.2.0
#   remediation: |-
#     Rotate in stages with redis-gitops rotate APP NAME: servers accept both passwords until clients and the Redis use a second
#     Secret. Merge a change of the Secret as its stage 4. Or create a new Redis and import the data.
#   references:
#     - https://github.com/spotahome/redis-operator/issues/568
#     - https://github.com/spotahome/redis-operator/issues/658
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/checker.go:113
package redisgitops.auth["rotation-needs-plan"]
