# METADATA
# title: Duplicate key
# description: |-
#   Most readers of YAML keep the last one and drop the first without a word, so that half of what was written is lost.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Keep one of the two.
package redisgitops.yaml["duplicate-key"]
