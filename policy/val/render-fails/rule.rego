# METADATA
# title: Chart or kustomization cannot be rendered
# description: |-
#   helm template or kustomize build fails, and so do Argo CD and Flux: nothing of the application is deployed.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Correct the reported template or value.
package redisgitops.val["render-fails"]
