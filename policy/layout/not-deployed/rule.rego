# METADATA
# title: Nothing in this repository deploys this directory
# description: |-
#   Other directories are deployed by Argo CD or Flux objects of this repository, and this chart, kustomization or directory
#   of manifests by none of them. Either it is put aside on purpose, or a path is wrong and its Redis never runs. Its
#   resources are not checked, and do not count as existing when others refer to them; only secrets in Git are still reported.
#
#   A directory counts as deployed if an Application, ApplicationSet, HelmRelease or Kustomization may deploy it (with
#   parameters of cluster, pull request or plugin generators, too), if a deployed chart or kustomization depends on it, or if
#   a Makefile, pipeline, Helmfile or Terraform file deploys it. The rule does not apply to repositories without deployers.
# custom:
#   scope: native
#   severity: info
#   general: true
#   since: 0.1.0
#   remediation: |-
#     Add the directory to an Application, ApplicationSet, HelmRelease or Kustomization, or delete it. If another repository
#     deploys it, disable this rule ("rules: {layout/not-deployed: {severity: "off"}}"): then all directories are checked.
#   references:
#     - https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators-Git/
#     - https://fluxcd.io/flux/components/kustomize/kustomizations/#path
package redisgitops.layout["not-deployed"]
