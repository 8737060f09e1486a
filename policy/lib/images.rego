# Container image names, and what is known of the releases behind them (lib/known.rego).
package redisgitops.lib.images

import data.redisgitops.lib.known

# An image split into {"dir", "name", "tag", "digest"}: the name without registry and directories, the tag "" if there is none.
reference(image) := {"dir": parts[1], "name": parts[2], "tag": parts[3], "digest": parts[4]} if {
	is_string(image)
	[parts] := regex.find_all_string_submatch_n(`^((?:[^\s@]*/)?)([^/:@\s]+)(?::([^@\s/]*))?(@\S+)?$`, image, 1)
}

# The version in an image tag as 100 × major + minor, with 99 for a missing minor; undefined without a number.
version(image) := (to_number(parts[1]) * 100) + minor(parts[2]) if {
	tag := reference(image).tag
	[parts] := regex.find_all_string_submatch_n(`^v?([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:[.-]|$)`, tag, 1)
}

minor("") := 99

minor(text) := to_number(text) if text != ""

major(image) := floor(version(image) / 100)

# Whether an image is Redis itself, by its name.
of_redis(image) if regex.match(`^redis(-stack-server|-stack)?$`, reference(image).name)

# The directory of an image with its registry, as the Docker Hub resolves short names (distribution/reference, normalize.go).
owner(dir) := "docker.io/library" if regex.match(`^((index\.|registry-1\.)?docker\.io/)?(library/)?$`, dir)

else := trim_suffix(dir, "/") if {
	regex.match(`^([^/]*[.:][^/]*|localhost)/`, dir)
	not regex.match(`^(index\.|registry-1\.)?docker\.io/`, dir)
}

else := concat("", ["docker.io/", trim_suffix(regex.replace(dir, `^(index\.|registry-1\.)?docker\.io/`, ""), "/")])

# What is known of the repository of an image: that of its name, or that of all of its owner.
repository(ref) := r if r := known.repositories[concat("/", [owner(ref.dir), ref.name])]

else := r if r := known.owners[owner(ref.dir)]

else := {}

# The release that a tag of a known program names: {"engine", "prefix", "major", "minor", "patch", "build", "suffix"}; what the tag
# does not have is "".
tagged(image) := {
	"ref": ref, "engine": known.engines[ref.name], "prefix": p[1], "major": p[2], "minor": p[3], "patch": p[4], "build": p[5],
	"suffix": p[6],
} if {
	ref := reference(image)
	[p] := regex.find_all_string_submatch_n(`^(v?)([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:\.([0-9]{1,4}))?(?:-v([0-9]{1,3}))?(|-.*)$`, ref.tag, 1)
}

# Its release line, and what is known of it.
line(tag) := name if {
	name := concat(".", [tag.major, tag.minor])
	known.lines[tag.engine][name]
} else := tag.major if known.lines[tag.engine][tag.major]

facts(tag) := known.lines[tag.engine][line(tag)]

# The version of a tag, as messages have it.
text(tag) := concat("-v", [part | some part in [concat(".", [part | some part in [tag.major, tag.minor, tag.patch]; part != ""]), tag.build]; part != ""])

# Whether a registry still has an image and updates it.
served(ref) if {
	r := repository(ref)
	not r.gone
	not r.frozen
}

# The same image of another version.
with_version(tag, to) := concat("", [substring(tag.image, 0, count(tag.image) - count(tag.ref.tag)), tag.prefix, to, tag.suffix])

# Images of the pods of the input: {"path", "image"}.
places := array.concat(in_resource, in_workload)

templates := {
	"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"], "DaemonSet": ["spec", "template", "spec"],
	"Deployment": ["spec", "template", "spec"], "Job": ["spec", "template", "spec"], "Pod": ["spec"],
	"StatefulSet": ["spec", "template", "spec"],
}

# Of the resources of operators, wherever they have containers. In a volume, image is the name of a device.
in_resource := [{"path": array.concat(["spec"], at), "image": image} |
	not templates[input.kind]
	walk(object.get(input, "spec", {}), [at, image])
	at[count(at) - 1] == "image"
	count({step | some step in at} & {"volume", "volumes", "extraVolumes"}) == 0
	is_string(image)
	image != ""
]

# Of pods without an operator, those of known programs; of pods with these alone, the init containers as well.
in_workload := [{"path": array.concat(pod, [list, i, "image"]), "image": c.image} |
	pod := templates[input.kind]
	some list in ["containers", "initContainers"]
	some i, c in object.get(input, array.concat(pod, [list]), [])
	is_known(c.image, list, object.get(input, array.concat(pod, ["containers"]), []))
]

is_known(image, _, _) if known.engines[reference(image).name]

is_known(_, "initContainers", containers) if {
	every c in containers { known.engines[reference(c.image).name] }
}

# The images that the operator uses for a RedisFailover that sets none; those of the Spotahome operator if another one is unknown.
unset := object.union(known.defaults.spotahome, d) if d := known.defaults[data.settings.operator.name]

else := known.defaults.spotahome

unset_image := unset.valkey if {
	input.spec.engine == "Valkey"
	unset.valkey
} else := unset.image

# How to change an image to another release of its line, where its registry is known to have that. In a mirror it may be missing.
update(p, to) := {"path": p.path, "op": "set", "value": with_version(p.tag, to)} if {
	p.tag.ref.digest == ""
	p.tag.suffix in {"", "-alpine"}
	repository(p.tag.ref) != {}
} else := {
	"path": p.path, "op": "set", "value": with_version(p.tag, to),
	"suggested": sprintf("the registry may not have %s", [to]),
} if {
	p.tag.ref.digest == ""
	p.tag.suffix in {"", "-alpine"}
}
