# The commands of the containers of a Redis: of the resource itself, its init containers, sidecars and probes.
package redisgitops.lib.commands

import data.redisgitops.lib.images

# Everything in the input that runs a command: {"path", "at": {"command": […], "args": […]}, "object"}.
all := [{"path": array.concat(["spec"], path), "at": at, "object": object} |
	walk(object.get(input, "spec", {}), [path, object])
	is_object(object)
	at := {list: object[list] | some list in ["command", "args"]; is_array(object[list])}
	count(at) > 0
]

# The words of a command: {"list", "index", "text"}.
words(c) := [{"list": list, "index": i, "text": word} |
	some list in ["command", "args"]
	some i, word in c.at[list]
	is_string(word)
]

# The container runs Redis or sentinels without a shell, by its program, or by the entrypoint of the official images.
runs_redis(c) if regex.match(`(^|/)(redis|valkey)-(server|sentinel)$`, c.at.command[0])

runs_redis(c) if {
	not c.at.command
	official(c)
	regex.match(`^-|\.conf$|^(redis|valkey)-(server|sentinel)$`, c.at.args[0])
}

official(c) if images.reference(c.object.image).name in {"redis", "valkey"}
