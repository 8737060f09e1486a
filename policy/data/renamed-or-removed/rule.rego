# METADATA
# title: Redis or its volume is renamed or removed
# description: |-
#   To its operator, a Redis with another name or namespace is a new, empty one. What becomes of the old one, and of one that
#   is removed, depends on how it keeps its volumes and on what deployed it: often its data is deleted with the next sync. A
#   Redis that stays in the cluster when it leaves Git, such as with `Prune=false`, is not reported.
# custom:
#   scope: native
#   compares: true
#   severity: error
#   since: 0.2.0
#   remediation: |-
#     Add the new Redis, import the data, switch the clients, and remove the old one in a later change. For a Redis that is no
#     longer needed, add an entry to `ignore` in `.redis-gitops.yaml` with the rule, the resource (`RedisFailover/shop`) and the reason.
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/handler.go:116
#     - argo-cd docs/user-guide/app_deletion.md
#     - kustomize-controller internal/controller/kustomization_controller.go:1095
package redisgitops.data["renamed-or-removed"]
