# METADATA
# title: Protected mode is off without a password
# description: |-
#   Protected mode makes a Redis without a password reject connections from outside of its pod. Disabling it opens
#   Redis to everyone. (The official images disable it too; with other images this setting makes the difference.)
# custom:
#   severity: warning
#   strict: error
#   kinds: [RedisFailover]
#   remediation: Set spec.auth.secretPath to a Secret, and remove the option.
#   since: 0.1.0
#   references:
#     - https://redis.io/docs/latest/operate/oss_and_stack/management/security/
#     - spotahome/redis-operator v1.2.4 example/redisfailover/custom-command.yaml
package redisgitops.sec["protected-mode-off"]

import data.redisgitops.lib.redisfailover

deny contains violation if {
	redisfailover.secret(input) == ""
	some violation in off
}

message := "protected mode is off and no password is set, so anyone can connect; set spec.auth.secretPath"

off contains {"message": message, "path": ["spec", "redis", "customConfig", d.index]} if {
	some d in redisfailover.redis
	d.key == "protected-mode"
	lower(d.value) == "no"
}

off contains {"message": message, "path": ["spec", "redis", "command", i]} if {
	some i, word in input.spec.redis.command
	is_string(word)
	regex.match(`--protected-mode(\s+no)?$`, trim_space(word))
	lower(concat(" ", [word, object.get(input, ["spec", "redis", "command", i + 1], "")])) in {"--protected-mode no", "--protected-mode no "}
}
