# METADATA
# title: Unknown field in RedisFailover
# description: |-
#   Kubernetes drops a field that is not in the CustomResourceDefinition without an error. What it was meant to set, such as storage, keeps
#   its default: 22 % of the public RedisFailovers that were looked at have such a field.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Correct the name of the field, or move it to where it belongs.
package redisgitops.op["unknown-field"]
