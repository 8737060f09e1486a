# Indexes that are made in linear time. A rule "index[key] contains value" costs the square of its keys in OPA: it compares each
# key with all before it (topdown.hasCollisions of OPA 1.22.2), and a comprehension in a comprehension does so in WebAssembly.
package redisgitops.lib.group

# by gives {key: {value, …}} of [[key, value], …].
by(pairs) := {key: object.keys(found) | some key, found in object.union_n([{key: {value: true}} | some [key, value] in pairs])}
