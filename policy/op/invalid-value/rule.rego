# METADATA
# title: Operator rejects or misinterprets a value
# description: |-
#   The value violates the CRD, so Kubernetes rejects the resource, or the operator replaces it with another value.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Use a value of the type and range in the message.
#   references:
#     - spotahome/redis-operator 632aa3da api/redisfailover/v1/validate.go:14, Validate
#     - spotahome/redis-operator 632aa3da manifests/databases.spotahome.com_redisfailovers.yaml
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 config/crd/bases, one file for each kind
package redisgitops.op["invalid-value"]
