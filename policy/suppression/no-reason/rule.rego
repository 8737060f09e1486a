# METADATA
# title: Suppression has no reason
# description: |-
#   Who reads it later cannot tell whether it still holds. It suppresses nothing until it has one.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: 'Add `-- ` and the reason.'
package redisgitops.suppression["no-reason"]
