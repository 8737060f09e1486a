# Facts and helpers about RedisFailovers of Spotahome's operator and their customConfig.
package redisgitops.lib.redisfailover

# directives gives the entries of a customConfig list as the operator reads them (service/redis/client.go getConfigParameters:
# cut at blanks, the first word is the key): [{"index": 0, "key": "maxmemory", "value": "100mb", "words": […], "text": "…"}].
directives(entries) := [d |
	some i, text in entries
	is_string(text)
	words := [w | some w in split(trim_space(text), " "); w != ""]
	count(words) > 0
	d := {
		"index": i, "text": text, "key": lower(words[0]), "words": words,
		"value": concat(" ", array.slice(words, 1, count(words))),
	}
]

# redis is the directives of the input's Redis, sentinel those of its sentinels.
redis := directives(object.get(input, ["spec", "redis", "customConfig"], []))

sentinel := directives(object.get(input, ["spec", "sentinel", "customConfig"], []))
