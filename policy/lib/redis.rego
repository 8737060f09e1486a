# What every Redis has, of whichever operator: for resource rules with kinds: [redis]. Paths are those of the input.
package redisgitops.lib.redis

import data.redisgitops.lib.fields
import data.redisgitops.lib.images
import data.redisgitops.lib.redisfailover

# The parts of the input that run: {"part": "redis", "resources": [path, …], "image": path, …}; of equal parts the first counts.
parts := [p |
	some i, p in candidates
	every j, other in candidates {
		any_of([j >= i, other.part != p.part])
	}
]

candidates := [p |
	some entry in fields.kinds[input.kind]
	versioned(input, entry)
	every c in object.get(entry, "if", []) { holds(c) }
	some p in located(entry)
]

versioned(_, entry) if not entry.apiVersions

versioned(o, entry) if o.apiVersion in entry.apiVersions

any_of(truths) if true in truths

located(entry) := [entry] if not entry.containers

else := [object.union(entry, {
	"container": path, "image": array.concat(path, object.get(entry, "image", ["image"])),
	"resources": [array.concat(path, r) | some r in entry.resources],
}) |
	some i, c in object.get(input, entry.containers, [])
	in_container(entry, c)
	not runs_sentinel(c)
	path := array.concat(entry.containers, [i])
]

in_container(entry, c) if c.name in entry.names

in_container(entry, c) if images.reference(c.image).name in entry.images

runs_sentinel(c) if {
	some word in words(c)
	regex.match(`(?i)sentinel`, word)
}

words(c) := [word |
	some list in ["command", "args"]
	some word in object.get(c, list, [])
	is_string(word)
]

# Whether a condition of the operator facts holds for the input.
holds(c) if holds_in(input, c)

# The same for any object.
holds_in(o, c) if {
	c.set == true
	present(o, c.path)
}

holds_in(o, c) if {
	c.set == false
	not present(o, c.path)
}

holds_in(o, c) if value_in(o, c.path) == c.is

holds_in(o, c) if {
	c.not
	not value_in(o, c.path) == c.not
}

# A path is set to something else than false, "", 0 or nothing at all; a * in it is each element of a list.
present(o, path) if {
	not "*" in path
	filled(value_in(o, path))
}

present(o, path) if {
	some i, "*" in path
	some element in value_in(o, array.slice(path, 0, i))
	is_object(element)
	filled(value_in(element, array.slice(path, i + 1, count(path))))
}

filled(v) if not v in {null, false, "", 0, {}, []}

value(path) := value_in(input, path)

value_in(o, path) := object.get(o, path, null)

# The field that keeps the data of an object that is a Redis on a volume; undefined if there is none.
persistent(o) := entry.data.field if {
	some entry in fields.kinds[o.kind]
	versioned(o, entry)
	entry.data
	of_redis(o, entry)
	some c in entry.data.kept
	holds_in(o, c)
}

of_redis(_, entry) if not entry.containers

of_redis(o, entry) if {
	some c in value_in(o, entry.containers)
	in_container(entry, c)
	not runs_sentinel(c)
}

# The part with the data.
server := p if {
	some p in parts
	p.part == "redis"
} else := p if {
	some p in parts
	p.part == "leader"
}

# The number of pods of a part; undefined if it is neither set nor defaulted.
replicas(p) := n if {
	n := value(p.replicas)
	is_number(n)
	n > 0
} else := p["default"]

# The requests and limits of a part, and where they are: the first that is set, or the first that can be.
resources(p) := {"path": path, "object": value(path)} if {
	set := [r | some r in p.resources; is_object(value(r))]
	count(set) > 0
	path := set[0]
} else := {"path": p.resources[0], "object": {}}

# The directives of the Redis: {"key", "value", "text", "path", "form"}, in the order in which they apply. The form is "list" for an
# entry "directive value", and "argument" for a value of its own.
directives := array.concat(arguments, entries)

entries := [object.union(d, {"path": array.concat(path, [d.index]), "form": "list"}) |
	some path in object.get(server.config, "lists", [])
	some d in redisfailover.directives(value(path))
]

arguments := [d |
	some list in ["command", "args"]
	some i, word in value(array.concat(server.container, [list]))
	is_string(word)
	startswith(word, "--")
	d := argument(list, i, word)
]

argument(list, i, word) := {
	"key": lower(substring(word, 2, -1)), "value": text, "text": text, "form": "argument",
	"path": array.concat(server.container, [list, i + 1]),
} if {
	text := value(array.concat(server.container, [list, i + 1]))
	is_string(text)
}

# Directives may also be set where they cannot be seen: by a ConfigMap, the environment, a script or an image of another publisher.
hidden if {
	some c in server.config.hidden
	holds(c)
}

hidden if {
	some word in words(value(server.container))
	regex.match(`\.conf\b|^-c$|\s`, word)
}

hidden if {
	container := value(server.container)
	some key in ["env", "envFrom"]
	count(object.get(container, key, [])) > 0
}

hidden if {
	image := value(server.image)
	server.container
	not regex.match(`^(docker\.io/)?((library/)?redis|valkey/valkey)[:@]`, image)
}

# The ConfigMaps with directives of the Redis: {"name", "key"}. In a container, those with the configuration files of its arguments.
config_maps := {c | some c in array.concat(
	[{"name": name, "key": server.config.key} |
		some path in server.config.maps
		name := value(path)
		is_string(name)
	],
	[{"name": volume.configMap.name, "key": key} |
		container := value(server.container)
		some file in words(container)
		endswith(file, ".conf")
		some mount in container.volumeMounts
		key := mounted(file, mount)
		some volume in value(array.concat(array.slice(server.container, 0, count(server.container) - 2), ["volumes"]))
		volume.name == mount.name
	],
)}

# The key of a volume that is a file of a container.
mounted(file, mount) := mount.subPath if {
	file == mount.mountPath
} else := trim_prefix(file, concat("", [trim_suffix(mount.mountPath, "/"), "/"])) if {
	startswith(file, concat("", [trim_suffix(mount.mountPath, "/"), "/"]))
}
