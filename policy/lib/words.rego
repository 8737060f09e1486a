# Names that were probably meant.
package redisgitops.lib.words

# Joins words as in a sentence.
phrase(items) := concat(" and ", items) if {
	count(items) < 3
} else := concat(" and ", [concat(", ", array.slice(items, 0, count(items) - 1)), items[count(items) - 1]])

# The names that are at most about two typos away from a name, sorted.
near(name, among) := [other |
	some other in sort(among)
	similar(name, other)
]

similar(a, b) if squash(a) == squash(b)

similar(a, b) if {
	abs(count(a) - count(b)) < 3
	count(a) > 2
	count(shorter(a) & shorter(b)) > 0
}

squash(s) := replace(replace(lower(s), "-", ""), "_", "")

shorter(s) := {concat("", [substring(s, 0, i), substring(s, i + 1, -1)]) | some i in numbers.range(0, count(s) - 1)} | {s}
