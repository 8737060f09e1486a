# METADATA
# title: Suppression has expired
# description: |-
#   Its last day is over, so that the finding counts again.
# custom:
#   scope: native
#   severity: warning
#   strict: error
#   since: 0.1.0
#   remediation: Correct the finding, or give a new date.
package redisgitops.suppression["expired"]
