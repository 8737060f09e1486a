# METADATA
# title: Secret data is not base64-encoded
# description: |-
#   Values under data of a Secret must be base64-encoded. The API server rejects anything else, and a word that
#   happens to be valid base64 is decoded to something else. Plain text belongs under stringData.
# custom:
#   severity: error
#   kinds: [Secret]
#   remediation: Move the value to stringData, or encode it.
#   general: true
#   since: 0.1.0
#   references:
#     - https://github.com/spotahome/redis-operator/issues/427
#     - https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data
package redisgitops.auth["secret-data-not-base64"]

import data.redisgitops.lib.secrets

deny contains {
	"message": sprintf("the value of \"%s\" is not valid base64; move it to stringData", [key]),
	"path": ["data", key],
} if {
	some key, value in input.data
	is_string(value)
	not secrets.filled_in(input, value)
	not secrets.in_base64(value)
}
