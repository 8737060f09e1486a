# METADATA
# title: Tab used for indentation
# description: |-
#   YAML only allows spaces for indentation. Argo CD, Flux and Helm reject the whole file.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Use spaces.
package redisgitops.yaml.tab
