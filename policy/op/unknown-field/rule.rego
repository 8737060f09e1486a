# METADATA
# title: Unknown field in a Redis resource
# description: |-
#   Kubernetes drops a field that is not in the CRD, without an error. The setting it was meant for, such as storage,
#   keeps its default: 22 % of the public RedisFailovers examined have such a field. Resources of Spotahome's
#   operator, its forks and OpsTree are checked, in the version that the repository installs.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Correct the name of the field, or move it to the correct location.
#   references:
#     - https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
#     - spotahome/redis-operator 632aa3da manifests/databases.spotahome.com_redisfailovers.yaml
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 config/crd/bases, one file for each kind
package redisgitops.op["unknown-field"]
