# The Redis addresses in environment variables, ConfigMaps and Secret templates.
package redisgitops.lib.url

import data.redisgitops.lib.group
import data.redisgitops.lib.services
import data.redisgitops.lib.workloads

# The texts that may contain addresses.
texts := array.concat(in_environment, in_objects)

in_environment := [t |
	some e in workloads.environment
	c := e.container
	t := {
		"resource": c.resource, "namespace": c.namespace, "name": e.name, "text": e.value,
		"path": array.concat(c.path, ["env", e.index, "value"]), "container": c.path,
	}
]

object_paths := {
	"ConfigMap": ["data"],
	"ExternalSecret": ["spec", "target", "template", "data"],
	"SealedSecret": ["spec", "template", "data"],
	"Secret": ["stringData"],
}

in_objects := [t |
	some r in data.repo.resources
	path := object_paths[r.kind]
	some key, text in object.get(r.object, path, {})
	is_string(text)
	t := {
		"resource": r.id, "namespace": r.namespace, "name": key, "text": text,
		"path": array.concat(path, [key]), "container": [],
	}
]

pattern := `\b(?:rediss?|valkeys?|redis-sentinels?|rediss?\+sentinel|sentinel)://[^\s"'<>;\x60]+`

# The addresses, URLs and bare Service names: the fields of the text and {"url", "scheme", "user", "hosts": [{"text", "service",
# "namespace", "pod", "short", "port"}], "path", "master", "db"}; "bare" is one without credentials, as REDIS_HOST has it.
references := array.concat(urls, array.concat(names, variables))

urls := [object.union(t, u) |
	some t in texts
	contains(t.text, "://")
	some url in regex.find_n(pattern, regex.replace(t.text, `\{\{[^}]*\}\}`, "_"), 50)
	u := parse(url, t.namespace)
]

names := [object.union(t, u) |
	some t in texts
	regex.match(`^rf(r|s|rm|rs)-[a-z0-9.-]+(:[0-9]+)?$`, t.text)
	not host_alone(t)
	u := {"url": t.text, "scheme": "", "user": "", "hosts": hosts(t.text, t.namespace), "master": "", "db": 0}
]

host_alone(t) if {
	not contains(t.text, ":")
	regex.match(`(?i)(redis|valkey).*(host(_?name)?|addr(ess)?|server|endpoint)$`, t.name)
}

# Hosts in variables whose name says that they are of Redis: REDIS_HOST, with the port in REDIS_PORT beside it, or REDIS_ADDR.
variables := [object.union(t, {
	"url": t.text, "scheme": "", "user": "", "master": "", "db": 0, "bare": true,
	"hosts": [object.union(h, {"text": t.text}) | some h in hosts(concat("", [t.text, port_beside(t)]), t.namespace)],
}) |
	some t in texts
	regex.match(`(?i)(redis|valkey).*(host(_?name)?|addr(ess)?|server|endpoint)$`, t.name)
	regex.match(`^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$`, t.text)
	not regex.match(`^rf(r|s|rm|rs)-[a-z0-9.-]+:[0-9]+$`, t.text) # of names
]

port_beside(t) := concat("", [":", p]) if {
	not contains(t.text, ":")
	p := beside(t)
} else := ""

# The value of the variable with the port for that of a host.
beside(t) := min(found) if {
	[stem] := regex.find_all_string_submatch_n(`(?i)^(.*?)(?:host(?:_?name)?|addr(?:ess)?|server|endpoint)$`, t.name, 1)
	found := {p |
		some word in ["PORT", "Port", "port"]
		some p in object.get(ports, [[scope(t), concat("", [stem[1], word])]], [])
	}
	count(found) == 1
}

scope(t) := [t.resource, t.container, array.slice(t.path, 0, count(t.path) - 1)] if t.container == []

else := [t.resource, t.container]

ports := {key: found | some key, found in each_ports}

each_ports := group.by([[[scope(t), t.name], t.text] |
	some t in texts
	regex.match(`(?i)port$`, t.name)
	regex.match(`^[0-9]{1,5}$`, t.text)
])

parse(url, namespace) := {
	"url": url, "scheme": m[1], "user": m[2], "hosts": hosts(m[3], namespace), "master": master(m), "db": db(m[4]),
} if {
	[m] := regex.find_all_string_submatch_n(`^([a-z+-]+)://(?:([^@/]*)@)?([^/?#]*)(/[^?#]*)?(\?[^#]*)?(#.*)?$`, url, 1)
}

hosts(text, namespace) := [object.union({"text": part, "port": port(m[2])}, place) |
	some part in split(text, ",")
	[m] := regex.find_all_string_submatch_n(`^([A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?$`, part, 1)
	place := locate(split(trim_suffix(m[1], "."), "."), namespace)
]

# The port of an address; 0 if there is none.
port("") := 0

port(text) := to_number(text) if text != ""

# The Service and namespace of a cluster-internal host name; undefined for other hosts.
locate(labels, namespace) := {"service": labels[0], "namespace": namespace, "pod": "", "short": true} if {
	count(labels) == 1
	not labels[0] in {"localhost", ""}
} else := {"service": labels[1], "namespace": labels[2], "pod": labels[0], "short": false} if {
	labels[3] == "svc"
} else := {"service": labels[1], "namespace": namespace, "pod": labels[0], "short": true} if {
	count(labels) == 2
	pod_of(labels[0], labels[1])
} else := {"service": labels[0], "namespace": labels[1], "pod": "", "short": false} if {
	labels[2] == "svc"
} else := {"service": labels[0], "namespace": labels[1], "pod": "", "short": false} if {
	count(labels) == 2
	known_namespaces[labels[1]]
}

pod_of(pod, service) if regex.match(`^-[0-9]+$`, trim_prefix(pod, service))

known_namespaces := {r.namespace | some r in data.repo.resources; r.namespace != ""} | {r.name |
	some r in data.repo.resources
	r.kind == "Namespace"
}

# The master name in the path, query or fragment of a sentinel URL; "" for none.
master(m) := regex.replace(name, `%2[Ff]`, "/") if {
	some name in split(m[4], "/")
	regex.match(`^[A-Za-z_.-]([A-Za-z0-9_.-]|%2[Ff])*$`, name)
} else := name if {
	[[_, name]] := regex.find_all_string_submatch_n(`[?&](?:sentinelMasterId|sentinel_master|master_name|master|service_name)=([^&]+)`, m[5], 1)
} else := trim_prefix(m[6], "#")

db(path) := to_number(n) if {
	[[_, n]] := regex.find_all_string_submatch_n(`^/([0-9]{1,9})(?:/|$)`, path, 1)
} else := 0

# Whether a reference is for sentinels, by its scheme.
sentinel(reference) if contains(reference.scheme, "sentinel")

# The fix that replaces the URL of a reference.
replaced(reference, url) := {"path": reference.path, "op": "set", "value": replace(reference.text, reference.url, url)}

# The URL of a reference with one of its hosts replaced; scheme, user and the rest are kept.
with_host(reference, host, new) := concat("", [m[1], concat(",", hosts), m[3]]) if {
	[m] := regex.find_all_string_submatch_n(`^((?:[a-z+-]+://(?:[^@/]*@)?)?)([^/?#]*)(.*)$`, reference.url, 1)
	hosts := [changed(part, host.text, new) | some part in split(m[2], ",")]
}

changed(part, old, new) := new if part == old

changed(part, old, _) := part if part != old

# The host name of a Service in the notation of a reference: with the namespace unless the reference was short.
full(host, service, namespace) := service if {
	host.short
} else := sprintf("%s.%s%s", [service, namespace, suffix(host.text)])

suffix(text) := concat("", [".svc", rest]) if {
	[[_, rest]] := regex.find_all_string_submatch_n(`\.svc([a-z.]*)`, text, 1)
} else := ""

# The indexes of the Redis instances behind a host.
redises(host) := {e.redis | some e in services.behind(host.service, host.namespace)}

# What to use for a Redis client that has the address of sentinels: the Service that points to the master, or how to create one.
instead(host) := sprintf("use \"%s:%d\", or a client with Sentinel support", [reached, port]) if {
	[name, port, namespace] := leader(host)
	reached := sprintf("%s%s", [name, elsewhere(host, namespace)])
} else := "use a client with Sentinel support" if {
	some redis in data.repo.redis
	redis.kind != "RedisFailover"
} else := "add a Service that selects redisfailovers-role: master and use it, or use a client with Sentinel support"

# A RedisSentinel of OpsTree makes no Service of its own name: they are NAME-sentinel and so on.
no_service(host) if {
	some namespace in {host.namespace, ""}
	opstree_sentinels[[namespace, host.service]]
}

opstree_sentinels := {[r.namespace, r.name]: true |
	some r in data.repo.resources
	r.kind == "RedisSentinel"
	startswith(r.apiVersion, "redis.redis.opstreelabs.in/")
}

leader(host) := [names[0], data.repo.redis[i].port, data.repo.redis[i].namespace] if {
	found := redises(host)
	count(found) == 1
	some i in found
	names := services.masters(i)
	count(names) > 0
}

elsewhere(host, namespace) := "" if {
	namespace in {"", host.namespace}
	host.short
} else := sprintf(".%s.svc", [namespace]) if {
	namespace != ""
} else := ""
