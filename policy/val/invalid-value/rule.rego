# METADATA
# title: Invalid value for a Redis
# description: |-
#   Values under resources in values.yaml have a type and bounds: memory is a quantity in Mi or Gi, sentinels is an
#   odd number. Any other value makes the template, and with it the whole application, fail, or configures a
#   different Redis than intended.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Use a value of the form in the message.
#   references:
#     - cue/operator/spotahome/operator.cue, #Values
package redisgitops.val["invalid-value"]
