# METADATA
# title: Suppression is unused
# description: |-
#   The finding no longer exists. The suppression would hide the next one.
# custom:
#   scope: native
#   severity: warning
#   strict: error
#   since: 0.1.0
#   remediation: Remove it.
package redisgitops.suppression.unused
