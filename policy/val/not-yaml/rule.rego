# METADATA
# title: Template renders invalid YAML
# description: |-
#   The template renders, but its output cannot be parsed: usually because of wrong indentation, or a value that
#   needs quotes.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Correct the reported line of the template; nindent and quote help.
package redisgitops.val["not-yaml"]
