# METADATA
# title: Change of the volume has no effect
# description: |-
#   The volumeClaimTemplates of a StatefulSet cannot change. Operators keep those that the StatefulSet was created with, so
#   that a new StorageClass, access mode or name, or a volume in the place of emptyDir, does not reach the data: the change is
#   ignored, refused by the API server, or leaves pods that cannot start.
# custom:
#   scope: native
#   compares: true
#   severity: error
#   since: 0.2.0
#   remediation: Undo the change, or create a new Redis with the volume, import the data and switch the clients.
#   references:
#     - spotahome/redis-operator v1.2.4 service/k8s/statefulset.go:172
#     - https://github.com/spotahome/redis-operator/issues/79
#     - https://github.com/spotahome/redis-operator/issues/278
#     - kubernetes pkg/apis/apps/validation/validation.go:268
package redisgitops.data["storage-change-ignored"]
