# METADATA
# title: Rule cannot be suppressed
# description: |-
#   The configuration lists the rule under frozen, so the finding counts.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Fix the finding.
package redisgitops.suppression.frozen
