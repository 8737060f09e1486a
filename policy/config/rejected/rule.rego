# METADATA
# title: Redis rejects a directive
# description: |-
#   redis-server exits at startup on a directive of its configuration file or arguments that it does not know, whose
#   value is invalid or missing, or that has a comment after it, so all pods crash. Entries of OpsTree's dynamicConfig
#   are applied with CONFIG SET; on the first that is rejected, the operator of a RedisReplication stops before it
#   repairs roles and sentinels. The files are the ConfigMaps and Secrets of the same chart that the Redis names.
# custom:
#   kinds: [redis]
#   since: 0.2.0
#   remediation: |-
#     Correct the directive. Sizes are integers with kb, mb or gb; a comment has a line of its own.
#   references:
#     - redis/redis 7.0 src/config.c, loadServerConfigFromString and static_configs
#     - each message tried with redis-server 6.0.16, 7.0.15 and 8.0.2 and valkey-server 8.1 and 9.1
#     - OT-CONTAINER-KIT/redis-operator 5dd04e17 internal/k8sutils/redis.go, applyDynamicConfig
package redisgitops.config.rejected

import data.redisgitops.lib.directives
import data.redisgitops.lib.images
import data.redisgitops.lib.redis
import data.redisgitops.lib.values
import data.redisgitops.lib.words

deny contains {"message": sprintf("%s: %s", [effect[d.form == "list"], reason]), "path": d.path} if {
	input.kind != "RedisFailover"
	some d in array.concat(redis.directives, redis.follower_files)
	readable(d)
	reason := reasons(d)[0]
}

effect := {true: "CONFIG SET fails", false: "Redis does not start"}

# A placeholder that something replaces before Redis reads the file has a value that cannot be seen.
readable(d) if not regex.match(`[$<>{}]|%[A-Za-z%]|__|@@`, d.text)

# Why Redis rejects a directive: the first that holds counts.
reasons(d) := [r | some r in [unknown(d), unbalanced(d), missing(d), comment(d), invalid(d), buffer(d), too_new(d), too_old(d)]; r != ""]

unknown(d) := "sentinel is a directive of sentinels; remove it, or start with --sentinel" if {
	d.key == "sentinel"
} else := sprintf("unknown directive %s%s", [d.key, remedy(words.near(d.key, directives.names))]) if {
	not directives.known(d.key, image)
	is_redis
	not loads_modules
} else := ""

remedy(near) := sprintf("; did you mean %s?", [concat(" or ", array.slice(near, 0, 3))]) if {
	count(near) > 0
} else := "; fix or remove it"

# What a module registers has any name.
loads_modules if {
	some d in redis.directives
	d.key == "loadmodule"
}

unbalanced(d) := sprintf("the quotes of %s are not balanced; close them", [d.key]) if {
	d.form in of_file
	not regex.match(`['\\]`, d.text)
	count(split(d.text, `"`)) % 2 == 0
} else := ""

missing(d) := sprintf("%s has no value; set one, or remove it", [d.key]) if {
	d.form in of_file
	d.words == [d.words[0]]
	d.key in directives.names
	not d.key in optional
} else := ""

of_file := {"file", "inline"}

# Directives that some version takes without a value.
optional := {"bind", "latency-tracking-info-percentiles", "save"}

comment(d) := sprintf("\"%s\" is taken as a part of the value of %s; put the comment on a line of its own", [trim_space(found[0]), d.key]) if {
	d.form in of_file
	d.key in (directives.names - {"bind"})
	found := regex.find_n(`\s#.*$`, regex.replace(d.text, `"[^"]*"|'[^']*'`, ""), 1)
	count(found) > 0
} else := ""

invalid(d) := sprintf("invalid value \"%s\" for %s; %s", [d.value, d.key, values.takes[values.kinds[d.key]]]) if {
	not values.valid(values.kinds[d.key], trim(d.value, `"'`))
	d.value != ""
} else := ""

buffer(d) := sprintf("invalid value \"%s\" for %s; expected class, hard limit, soft limit and seconds, such as replica 256mb 64mb 60", [d.value, d.key]) if {
	d.key == "client-output-buffer-limit"
	not regex.match(values.buffer_limits, lower(d.value))
} else := ""

too_new(d) := sprintf("%s requires Redis 8.6 or later, and the image is \"%s\"; %s", [d.value, image, values.takes.policy]) if {
	values.too_new(d.key, d.value, image)
} else := sprintf("%s requires Redis %s or later, and the image is \"%s\"; use a later image, or remove it", [d.key, number(since), image]) if {
	is_redis
	since := directives.since[d.key]
	since > 602
	version < since
} else := ""

too_old(d) := sprintf("%s was removed in Redis %s; remove it", [d.key, number(until)]) if {
	until := directives.gone[d.key]
	version >= until
	is_redis
} else := ""

number(v) := sprintf("%d.%d", [floor(v / 100), v % 100])

image := redis.value(redis.server.image)

# Images that are named otherwise may hold a fork with directives of its own.
is_redis if images.of_redis(image)

version := v if {
	v := images.version(image)
	v % 100 != 99
}
