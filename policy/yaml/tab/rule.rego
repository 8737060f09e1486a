# METADATA
# title: Tab used for indentation
# description: |-
#   YAML allows spaces only. Argo CD, Flux and Helm refuse the whole file.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Use spaces.
package redisgitops.yaml["tab"]
