# METADATA
# title: Object is defined twice in one file
# description: |-
#   Both have the same apiVersion, kind, namespace and name. The one that is applied last wins, and which one that is
#   depends on the tool.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Remove or rename one of them.
package redisgitops.yaml["duplicate-document"]
