# METADATA
# title: Redis rejects a command rename and does not start
# description: |-
#   The operator writes each entry of customCommandRenames to redis.conf, in order. Redis exits at startup if the
#   command does not exist, because of a typo or because an earlier entry already renamed or disabled it, or if the
#   new name is that of an existing command. All pods then crash.
# custom:
#   severity: error
#   kinds: [RedisFailover]
#   since: 0.1.0
#   remediation: |-
#     Rename each command once, by the name that Redis has for it, to a name that no other command has. An empty string
#     disables a command.
#   references:
#     - redis/redis 7.0 src/config.c, loadServerConfigFromString, rename-command; tried with redis-server 7.0.15
#     - redis/redis at 4f8cdc2a1 and valkey-io/valkey at 55bbbe09a, src/commands, and the commands added up to Redis 8.6 and Valkey 9.0
#     - spotahome/redis-operator v1.2.4 operator/redisfailover/service/generator.go, redisConfigTemplate
package redisgitops.sec["rename-invalid"]

import data.redisgitops.lib.images
import data.redisgitops.lib.words

renames := input.spec.redis.customCommandRenames

deny contains {
	"message": sprintf("Redis does not start: it has no command %q to rename%s", [name, remedy(words.near(lower(name), commands))]),
	"path": ["spec", "redis", "customCommandRenames", i, "from"],
} if {
	some i, name in sources
	not named(i, lower(name))
	not lower(name) in commands
}

deny contains {
	"message": sprintf("Redis does not start: an earlier entry already renames %s; keep one of the two", [name]),
	"path": ["spec", "redis", "customCommandRenames", i, "from"],
} if {
	some i, name in sources
	last(i, lower(name)) == "from"
}

deny contains {
	"message": sprintf("Redis does not start: a command %s already exists; choose another name", [name]),
	"path": ["spec", "redis", "customCommandRenames", i, "to"],
} if {
	some i, from in sources
	name := renames[i].to
	lower(name) != lower(from)
	exists(i, lower(name))
}

# The names that entries rename. Forks have commands of their own, as modules, whose names have a dot.
sources := {i: rename.from |
	images.reference(object.get(input, ["spec", "redis", "image"], "redis")).name in {"redis", "valkey"}
	some i, rename in renames
	is_string(rename.from)
	regex.match(`^[A-Za-z_-]*$`, rename.from)
}

exists(i, name) if last(i, name) == "to"

exists(i, name) if {
	not named(i, name)
	name in commands
}

# What the last entry before i that has a name does with it.
last(i, name) := found[count(found) - 1] if {
	name != ""
	found := [field |
		some j, rename in renames
		j < i
		some field in ["from", "to"]
		lower(rename[field]) == name
	]
}

named(i, name) if last(i, name)

remedy([]) := "; remove this entry"

remedy(near) := sprintf("; did you mean %s?", [upper(near[0])]) if count(near) > 0

commands := {c | some c in split(known, " ")}

known := concat(" ", [
	"acl append asking auth bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop",
	"brpoplpush bzmpop bzpopmax bzpopmin client cluster clusterscan command commandlog config copy dbsize debug decr",
	"decrby del delex delifeq digest discard dump echo eval eval_ro evalsha evalsha_ro exec exists expire expireat",
	"expiretime failover fcall fcall_ro flushall flushdb function geoadd geodist geohash geopos georadius georadius_ro",
	"georadiusbymember georadiusbymember_ro geosearch geosearchstore get getbit getdel getex getrange getset hdel hello",
	"hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset",
	"hotkeys hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals incr",
	"incrby incrbyfloat info keys lastsave latency lcs lindex linsert llen lmove lmpop lolwut lpop lpos lpush lpushx",
	"lrange lrem lset ltrim memory mget migrate module monitor move mset msetex msetnx multi object persist pexpire",
	"pexpireat pexpiretime pfadd pfcount pfdebug pfmerge pfselftest ping psetex psubscribe psync pttl publish pubsub",
	"punsubscribe quit randomkey readonly readwrite rename renamenx replconf replicaof reset restore restore-asking role",
	"rpop rpoplpush rpush rpushx sadd save scan scard script sdiff sdiffstore select set setbit setex setnx setrange",
	"sflush shutdown sinter sintercard sinterstore sismember slaveof slowlog smembers smismember smove sort sort_ro spop",
	"spublish srandmember srem sscan ssubscribe stralgo strlen subscribe substr sunion sunionstore sunsubscribe swapdb",
	"sync time touch ttl type unlink unsubscribe unwatch vadd vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember",
	"vrange vrem vsetattr vsim wait waitaof watch xack xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xgroup xinfo",
	"xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter",
	"zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore",
	"zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore",
	"zrevrank zscan zscore zunion zunionstore",
])
