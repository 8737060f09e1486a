# METADATA
# title: Misplaced suppression has no effect
# description: |-
#   Annotations are only read from metadata.annotations of the resource itself, not from a pod template, for example.
# custom:
#   scope: native
#   severity: warning
#   strict: error
#   since: 0.1.0
#   remediation: Move it to metadata.annotations of the resource.
package redisgitops.suppression.misplaced
