# METADATA
# title: Operator rejects or misinterprets a RedisFailover value
# description: |-
#   The value does not fit the CustomResourceDefinition, then Kubernetes refuses the resource, or the operator replaces it by another.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Write a value of the type and range that is named.
package redisgitops.op["invalid-value"]
