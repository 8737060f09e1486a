# METADATA
# title: Only the last save line applies
# description: |-
#   In redis.conf, several save lines are cumulative. The operator applies each entry with CONFIG SET, which replaces
#   save: only the last entry applies. That is usually the one for many changes, so a Redis with few changes is
#   hardly ever saved.
# custom:
#   severity: warning
#   kinds: [redis]
#   fix: merges all into the last one
#   remediation: Write all save points in one entry, such as save 900 1 300 10 60 10000.
#   since: 0.1.0
#   references:
#     - redis/redis src/config.c, setConfigSaveOption
#     - spotahome/redis-operator v1.2.4 service/redis/client.go, SetCustomRedisConfig
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis.go, applyDynamicConfig
package redisgitops.data["save-lines-overwrite"]

import data.redisgitops.lib.redis

saves := [d | some d in redis.entries; d.key == "save"; regex.match(`^[0-9]+( [0-9]+)+$`, d.value)]

last := saves[count(saves) - 1]

deny contains {
	"message": sprintf("each save line overrides the previous one, so only \"%s\" applies; use a single \"save %s\"", [last.text, concat(" ", all)]),
	"path": lost[0].path,
	"related": [{"path": last.path, "message": "this line applies"}],
	"fix": {
		"path": last.path, "op": "set", "value": sprintf("save %s", [concat(" ", all)]),
		"also": [{"path": d.path, "op": "remove"} | some d in saves; d.index != last.index],
	},
} if {
	count(lost) > 0
}

lost := [d | some d in saves; some pair in pairs(d); not pair in pairs(last)]

pairs(d) := {sprintf("%s %s", [d.words[i], d.words[i + 1]]) | some i in numbers.range(1, count(d.words) - 2); i % 2 == 1}

all := [pair |
	some i, d in saves
	some j in numbers.range(1, count(d.words) - 2)
	j % 2 == 1
	pair := sprintf("%s %s", [d.words[j], d.words[j + 1]])
	not earlier(i, pair)
]

earlier(i, pair) if {
	some k, d in saves
	k < i
	pair in pairs(d)
}
