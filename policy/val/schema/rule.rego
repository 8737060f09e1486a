# METADATA
# title: Value does not fit the chart's values.schema.json
# description: |-
#   Helm holds the values of a chart and of each subchart against its values.schema.json, after all value files are put
#   together, and installs nothing when one does not fit; so do Argo CD and Flux. Each known set of values is checked.
#   Formats, unevaluatedProperties and references that lead outside of the schema are not.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Correct the value, or the schema where the value is right.
#   references:
#     - helm/helm v3.18.4 pkg/chartutil/jsonschema.go, ValidateAgainstSchema
#     - https://helm.sh/docs/topics/charts/#schema-files
package redisgitops.val.schema
