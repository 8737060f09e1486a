# METADATA
# title: Suppression names an unknown rule
# description: |-
#   It suppresses nothing.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: 'Correct the name; `redis-gitops rules` lists them.'
package redisgitops.suppression["unknown-rule"]
