# METADATA
# title: Operator rejects or misinterprets a value
# description: |-
#   The value violates the CRD, so Kubernetes rejects the resource, or the operator replaces it with another value.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Use a value of the type and range in the message.
package redisgitops.op["invalid-value"]
