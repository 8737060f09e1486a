# Indexes in linear time. A rule "index[key] contains value" is quadratic in its keys in OPA: it compares each key with all
# earlier ones (topdown.hasCollisions of OPA 1.22.2); nested comprehensions are quadratic in WebAssembly.
package redisgitops.lib.group

# Groups pairs: {key: {value, …}} of [[key, value], …].
by(pairs) := {key: object.keys(found) | some key, found in object.union_n([{key: {value: true}} | some [key, value] in pairs])}
