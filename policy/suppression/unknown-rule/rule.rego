# METADATA
# title: Suppression names an unknown rule
# description: |-
#   The rule does not exist, so the suppression has no effect.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: 'Correct the name; `redis-gitops rules` lists them.'
package redisgitops.suppression["unknown-rule"]
