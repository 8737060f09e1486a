# METADATA
# title: ConfigMap of a shutdown or startup script does not exist
# description: |-
#   The operator mounts the ConfigMaps of shutdownConfigMap and startupConfigMap and runs shutdown.sh and startup.sh
#   from them. Without the former the operator stops reconciling; without the others the pods wait for the volume, or
#   every probe fails.
# custom:
#   severity: error
#   scope: repository
#   remediation: |-
#     Add the ConfigMap with the script under its name to the namespace of the RedisFailover. The operator does not
#     know a name to which kustomize appends a hash.
#   since: 0.1.0
#   references:
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/client.go, EnsureRedisShutdownConfigMap
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, getRedisVolumes
package redisgitops.data["hook-config-map"]

import data.redisgitops.lib.generated
import data.redisgitops.lib.group
import data.redisgitops.lib.redisfailover
import data.redisgitops.lib.secrets

hooks := [
	{"path": ["spec", "redis", "shutdownConfigMap"], "key": "shutdown.sh"},
	{"path": ["spec", "redis", "startupConfigMap"], "key": "startup.sh"},
	{"path": ["spec", "sentinel", "startupConfigMap"], "key": "startup.sh"},
]

uses := [u |
	some r in redisfailover.all
	some hook in hooks
	name := object.get(r.object, hook.path, "")
	is_string(name)
	name != ""
	u := {"redis": r, "hook": hook, "name": name}
]

wanted := {u.name | some u in uses}

config_maps := [r | some r in data.repo.resources; r.kind == "ConfigMap"; r.name in wanted]

found(u) := [m |
	ids := {id | some scope in secrets.scopes(u.redis); some id in object.get(by_name, [[u.name, scope]], [])}
	some id in sort(ids)
	m := data.repo.resources[id]
	secrets.meets(m, u.redis)
	secrets.same_namespace(m.namespace, u.redis.namespace)
]

by_name := {key: array.slice(sort(ids), 0, secrets.most) | some key, ids in named_in}

named_in := group.by([[[m.name, scope], m.id] |
	some m in config_maps
	some scope in secrets.scopes_of(m)
])

deny contains {
	"message": sprintf("ConfigMap \"%s\" is not in the repository; add it with the key \"%s\" in the namespace of the RedisFailover", [u.name, u.hook.key]),
	"resource": u.redis.id,
	"path": u.hook.path,
	"absent": {"namespace": u.redis.namespace, "name": u.name},
} if {
	some u in uses
	count(found(u)) == 0
	not generated.name(u.redis, "ConfigMap", u.name) # which is another rule's, and so is
	not generated.affixed(u.redis, "ConfigMap", u.name)
}

deny contains {
	"message": sprintf("ConfigMap \"%s\" has no key \"%s\", which the operator runs; add it", [u.name, u.hook.key]),
	"resource": m.id,
	"path": ["data", u.hook.key],
	"related": [{"resource": u.redis.id, "path": u.hook.path, "message": "used by this RedisFailover"}],
} if {
	some u in uses
	some m in found(u)
	not u.hook.key in object.keys(object.get(m.object, "data", {}))
}
