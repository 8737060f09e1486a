# METADATA
# title: Misplaced suppression has no effect
# description: |-
#   Annotations are read in metadata.annotations of the resource itself and nowhere else, such as in a pod template.
# custom:
#   scope: native
#   severity: warning
#   strict: error
#   since: 0.1.0
#   remediation: Move it to metadata.annotations of the resource.
package redisgitops.suppression["misplaced"]
