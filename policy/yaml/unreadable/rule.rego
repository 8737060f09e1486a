# METADATA
# title: File cannot be read
# description: |-
#   The file is a link that leaves the repository, larger than 4 MiB, not valid UTF-8, or not readable. Its content
#   is not checked, and Argo CD rejects links that leave the repository.
# custom:
#   scope: native
#   severity: error
#   general: true
#   since: 0.1.0
#   remediation: Add the file itself to the repository, as UTF-8 text, or split it.
package redisgitops.yaml.unreadable
