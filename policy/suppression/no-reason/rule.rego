# METADATA
# title: Suppression has no reason
# description: |-
#   Without a reason, nobody can tell later whether the suppression still applies. It has no effect until it has one.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: 'Add `-- ` and the reason.'
package redisgitops.suppression["no-reason"]
