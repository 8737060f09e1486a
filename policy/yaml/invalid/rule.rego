# METADATA
# title: File is not valid YAML
# description: |-
#   Argo CD, Flux and Helm reject the whole file, so nothing in it is deployed. Files that are too large, nested too
#   deeply, or expand excessively through aliases are reported by this rule, too.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Correct the syntax at the reported line, or just before it.
package redisgitops.yaml.invalid
