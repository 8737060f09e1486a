# METADATA
# title: Invalid value for a Redis
# description: |-
#   What stands under resources in values.yaml has a type and bounds: memory is a quantity in Mi or Gi, sentinels are an odd number.
#   With another value the template fails, and with it the whole application, or Redis is not what was meant.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Write a value of the form that is named.
#   references:
#     - cue/operator/spotahome/operator.cue, #Values
package redisgitops.val["invalid-value"]
