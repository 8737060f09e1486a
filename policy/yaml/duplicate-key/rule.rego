# METADATA
# title: Duplicate key
# description: |-
#   Most YAML parsers silently keep the last value and drop the first.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Keep one of the two.
package redisgitops.yaml["duplicate-key"]
