# METADATA
# title: Value file is not used by any deployment
# description: |-
#   The chart is deployed by objects of this repository, and none of them names this file. What it sets has no effect in any
#   cluster, and is not checked: often the file was forgotten in valueFiles, and production runs with the defaults. In a
#   repository without such objects, the file may be used, but lint does not know and renders the chart without it.
#
#   Files for tests, examples and local clusters (ci/, values-local.yaml, …) are not reported, and neither is a file that a
#   generator, script, pipeline, kustomization or template of the repository may use.
# custom:
#   scope: native
#   severity: info
#   general: true
#   since: 0.1.0
#   remediation: |-
#     Add the file to helm.valueFiles of the Application or to spec.chart.spec.valuesFiles of the HelmRelease, or delete it.
#     If it is used from elsewhere, add it to values in .redis-gitops.yaml, so that lint renders the chart with it, too.
#   references:
#     - https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#values-files
#     - https://fluxcd.io/flux/components/helm/helmreleases/#values-files
package redisgitops.layout["values-unused"]
