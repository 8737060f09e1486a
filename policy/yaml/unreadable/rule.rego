# METADATA
# title: File cannot be read
# description: |-
#   A link that leads out of the repository, a file that is larger than 4 MiB, text that is not UTF-8, or a file without the
#   permission to read it. What is in it is not checked, and Argo CD refuses links that leave the repository.
# custom:
#   scope: native
#   severity: error
#   since: 0.1.0
#   remediation: Put the file itself into the repository, as UTF-8 text, or split it.
package redisgitops.yaml["unreadable"]
