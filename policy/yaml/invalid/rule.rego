# METADATA
# title: File is not valid YAML
# description: |-
#   Argo CD, Flux and Helm refuse the whole file, so that nothing in it is deployed. Files that are too large, nested too deeply or
#   grow beyond measure by their aliases, which would stop those who read them, are told in the same way.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Correct the syntax at the line that is named, or just before it.
package redisgitops.yaml["invalid"]
