# METADATA
# title: Template renders invalid YAML
# description: |-
#   The template itself runs, but what it writes cannot be read: mostly an indentation that is off, or a value that needs quotes.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Correct the line of the template that is named; nindent and quote help.
package redisgitops.val["not-yaml"]
