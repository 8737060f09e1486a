# METADATA
# title: Suppression has expired
# description: |-
#   The expiry date of the suppression has passed, so the finding counts again.
# custom:
#   scope: native
#   severity: warning
#   strict: error
#   since: 0.1.0
#   remediation: Fix the finding, or set a new date.
package redisgitops.suppression.expired
