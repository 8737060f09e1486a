# METADATA
# title: Chart or kustomization cannot be rendered
# description: |-
#   helm template or kustomize build fails on it, and with it Argo CD and Flux: nothing of the application is deployed.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Correct the template or the value that is named.
package redisgitops.val["render-fails"]
