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
	not runs_other(c)
	path := array.concat(entry.containers, [i])
]

in_container(entry, c) if c.name in entry.names

in_container(entry, c) if images.reference(c.image).name in entry.images

# The container is a sentinel, or a client, such as a script that is named after redis-cli.
runs_other(c) if {
	some word in words(c)
	regex.match(`(?i)sentinel`, word)
}

runs_other(c) if {
	command := concat(" ", words(c))
	regex.match(`(redis|valkey)-cli`, command)
	not regex.match(`(redis|valkey)-server`, command)
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

holds_in(o, c) if text(value_in(o, c.path)) == c.is

holds_in(o, c) if {
	is_string(c.not)
	text(value_in(o, c.path)) != c.not
}

# A scalar as text, "" for anything else.
text(v) := v if {
	is_string(v)
} else := sprintf("%v", [v]) if {
	type_name(v) in {"boolean", "number"}
} else := ""

# A path is set to something else than false, "", an empty list or nothing at all; a * in it is each element of a list. An empty mapping
# counts: to an operator it is a pointer that is not nil.
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

filled(v) if not v in {null, false, "", []}

value(path) := value_in(input, path)

# A path as messages have it: the spec of a chart is its values.
shown(path) := array.slice(path, 1, count(path)) if {
	input.kind == "Chart"
} else := path

value_in(o, path) := object.get(o, path, null)

# The field that keeps the data of an object that is a Redis on a volume; undefined if there is none.
persistent(o) := kept[0] if {
	kept := [entry.data.field |
		some entry in fields.kinds[o.kind]
		versioned(o, entry)
		every c in object.get(entry, "if", []) { holds_in(o, c) }
		entry.data
		of_redis(o, entry)
		some c in entry.data.kept
		holds_in(o, c)
	]
}

# The paths of the specs of the claims that the data may be on.
claims := [path | some path in claimed(server.data.field); is_object(value(path))]

claimed(field) := [array.concat(field, [i, "spec"]) | some i, _ in value(field)] if {
	is_array(value(field))
} else := [array.concat(field, ["spec"])]

of_redis(_, entry) if not entry.containers

of_redis(o, entry) if {
	some c in value_in(o, entry.containers)
	in_container(entry, c)
	not runs_other(c)
}

# The part with the data.
server := p if {
	some p in parts
	p.part == "redis"
} else := p if {
	some p in parts
	p.part == "leader"
}

# The replicas of a cluster that have a part of their own.
follower := p if {
	some p in parts
	p.part == "follower"
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

# The directives of the Redis: {"key", "value", "text", "path", "form"}, in the order in which they apply. The form is "file" for a line of a
# configuration file, "inline" for one of a file that is a text of the resource, "script" for one that a script writes, "list" for an entry "directive value", "argument" for a value of its own, and
# "word" for an argument "--directive value".
directives := array.concat(files, array.concat(inline, array.concat(written, array.concat(arguments, entries))))

entries := [object.union(d, {"path": array.concat(path, [d.index]), "form": "list"}) |
	some path in object.get(server.config, "lists", [])
	some d in redisfailover.directives(value(path))
]

# The lines of the configuration files that are ConfigMaps or Secrets of the same chart: lint adds those that the input names.
files := lines_of(config_maps)

# The same for the followers of a cluster, where they have a file of their own.
follower_files := lines_of(attached_to(follower) - config_maps) if {
	follower
} else := []

lines_of(texts) := [object.union(d, {"path": array.concat(c.path, [d.index]), "form": "file", "value": trim(d.value, `"'`)}) |
	some c in sort(texts)
	some d in redisfailover.directives(split(regex.replace(c.text, `[\t\r]`, " "), "\n"))
	not startswith(d.key, "#")
]

# The lines of the configuration files that are texts of the input, alone or by name.
inline := [object.union(d, {"form": "inline"}) |
	some path in object.get(server.config, "texts", [])
	some d in lines_of(texts_at(path))
]

texts_at(path) := {{"path": path, "text": value(path)}} if {
	is_string(value(path))
} else := {{"path": array.concat(path, [name]), "text": text} |
	some name, text in value(path)
	is_string(text)
}

# The lines that a script of an init container writes into the configuration file (redis-template-style of Reclaim the Stack).
written := [object.union(d, {"path": path, "form": "script"}) |
	some file in words(value(server.container))
	endswith(file, ".conf")
	init := array.concat(array.slice(server.container, 0, count(server.container) - 2), ["initContainers"])
	some i, c in value(init)
	some list in ["command", "args"]
	some j, script in object.get(c, list, [])
	is_string(script)
	texts := split(script, concat("", ["EOF > ", file, "\n"]))
	count(texts) == 2
	path := array.concat(init, [i, list, j])
	some d in redisfailover.directives(split(split(texts[1], "\nEOF")[0], "\n"))
	not startswith(d.key, "#")
	not contains(d.text, "$")
]

arguments := [d |
	some list in ["command", "args"]
	words := value(array.concat(server.container, [list]))
	some i, word in words
	is_string(word)
	startswith(word, "--")
	d := argument(list, words, i, word)
]

argument(list, words, i, word) := {
	"key": lower(substring(word, 2, -1)), "value": text, "text": text, "form": "argument",
	"path": array.concat(server.container, [list, i + 1]),
} if {
	not contains(word, " ")
	is_string(words[i + 1])
	ends := [j | some j, w in words; j > i; startswith(sprintf("%v", [w]), "--")]
	text := concat(" ", [sprintf("%v", [w]) | some w in array.slice(words, i + 1, min(array.concat(ends, [count(words)])))])
} else := object.union(d, {"form": "word", "path": array.concat(server.container, [list, i])}) if {
	[d] := redisfailover.directives([substring(word, 2, -1)])
	count(d.words) > 1
}

# The effective value of a directive, the last one; undefined if nothing sets it.
last(key) := set[count(set) - 1] if {
	set := [d | some d in directives; d.key == key]
	count(set) > 0
}

# Whether a value of save disables snapshots.
never := {"", `""`, "''"}

# The ports that the container of the Redis listens on; undefined if they cannot be seen.
listening := {p | some p in [plain, tls]; p > 0} if {
	plain := port
	tls := number("tls-port", 0)
}

port := number("port", 6379) if {
	server.container
	seen
} else := to_number(found[0][1]) if {
	found := [f |
		some word in words(value(server.container))
		some f in regex.find_all_string_submatch_n(`(?:redis|valkey)-server\b[^;&|\n]*--port[ \t=]+"?([0-9]{1,5})\b`, word, 2)
	]
	count(found) == 1
}

seen if last("port")

seen if not hidden

number(key, _) := to_number(last(key).value) if regex.match(`^[0-9]{1,5}$`, last(key).value)

number(key, otherwise) := otherwise if not last(key)

# Directives may also be set where they cannot be seen: by a ConfigMap, the environment, a script or an image of another publisher.
hidden if {
	some c in server.config.hidden
	holds(c)
	not of_file(c.path)
}

of_file(path) if {
	some m in config_maps
	m.field == path
}

hidden if {
	some word in words(value(server.container))
	regex.match(`\.conf\b|^-c$|^[^-].*\s`, word)
	not word in {m.field | some m in config_maps}
}

# What a file includes cannot be seen either.
hidden if {
	some d in files
	d.key == "include"
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

# The ConfigMaps and Secrets with directives of the Redis that lint found: {"path": of the text in the input, "text", "field": the path or
# argument that names it}. In a container, those with the configuration files of its arguments.
config_maps := attached_to(server)

attached_to(part) := {{"path": path, "text": text, "field": c.field} |
	some c in named_by(part)
	path := [attached, c.kind, c.name, c.key]
	text := value(path)
	is_string(text)
}

attached := "redis-gitops.io/files"

named_by(part) := array.concat(
	[{"kind": "ConfigMap", "name": name, "key": part.config.key, "field": path} |
		some path in object.get(part, ["config", "maps"], [])
		name := value(path)
	],
	[{"kind": kind, "name": volume[source[0]][source[1]], "key": key, "field": file} |
		container := value(part.container)
		some file in words(container)
		endswith(file, ".conf")
		some mount in container.volumeMounts
		name := mounted(file, mount)
		some volume in value(array.concat(array.slice(part.container, 0, count(part.container) - 2), ["volumes"]))
		volume.name == mount.name
		some kind, source in {"ConfigMap": ["configMap", "name"], "Secret": ["secret", "secretName"]}
		key := stored(volume[source[0]], name)
	],
)

# The key of a file of a volume.
stored(source, name) := name if not source.items

stored(source, name) := item.key if {
	some item in source.items
	item.path == name
}

# The file of a volume that is a file of a container.
mounted(file, mount) := mount.subPath if {
	file == mount.mountPath
} else := trim_prefix(file, concat("", [trim_suffix(mount.mountPath, "/"), "/"])) if {
	startswith(file, concat("", [trim_suffix(mount.mountPath, "/"), "/"]))
}
