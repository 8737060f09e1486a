# METADATA
# title: Volume is made smaller
# description: |-
#   Kubernetes never shrinks a PersistentVolumeClaim. The operator keeps the volumes as they are, or cannot update them, so
#   that Git shows a size that no volume has, and new pods may get another one than running pods.
# custom:
#   scope: native
#   compares: true
#   severity: error
#   since: 0.2.0
#   remediation: Keep the size. For less, create a Redis with smaller volumes, import the data and switch the clients.
#   references:
#     - spotahome/redis-operator v1.2.4 service/k8s/statefulset.go:153
#     - https://github.com/spotahome/redis-operator/issues/638
#     - kubernetes pkg/apis/core/validation/validation.go, ValidatePersistentVolumeClaimUpdate
package redisgitops.data["storage-shrunk"]
