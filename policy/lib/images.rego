# Container image names.
package redisgitops.lib.images

# An image split into {"name", "tag"}: the name without registry and directories, the tag "" if there is none.
reference(image) := {"name": parts[1], "tag": parts[2], "digest": parts[3]} if {
	is_string(image)
	[parts] := regex.find_all_string_submatch_n(`^(?:[^\s@]*/)?([^/:@\s]+)(?::([^@\s/]*))?(@\S+)?$`, image, 1)
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
