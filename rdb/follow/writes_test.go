package follow

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// all are writes of every kind, after SELECT with the database that each is for.
const all = `
0 SET a 1
0 MSET b 1 c 2 d 3
0 INCRBYFLOAT f 1.1
0 LPUSH l 1 2 3
0 LMOVE l l2 LEFT RIGHT
0 BLPOP l 1
0 SADD s 1 2 3
0 SPOP s
0 SUNIONSTORE s2 s
0 ZADD z 1 a 2 b
0 ZPOPMIN z
0 HSET h f 1 g 2
0 HINCRBYFLOAT h f 2.5
0 GEOADD geo 13.36 38.11 Palermo
0 PFADD pf 1 2 3
0 SETBIT bits 7 1
0 XADD x * f v
0 XADD x * f v2
0 XGROUP CREATE x g 0
0 XREADGROUP GROUP g one COUNT 1 STREAMS x >
0 XACK x g 1-1
0 XCLAIM x g two 0 1-1
0 XTRIM x MAXLEN 1
0 SET e 1 EX 100
0 GETEX e PX 90000
0 SETEX e2 100 v
0 EXPIRE a 1000
0 PERSIST a
0 EXPIREAT b 4000000000
0 COPY e e3
0 RENAME e2 e4
0 MOVE e3 5
0 COPY e e3 DB 7
3 SET in3 1
3 RPUSH l3 a b
0 EVAL for_i=1,3_do_redis.call('RPUSH',KEYS[1],i)end 1 scripted
0 FUNCTION LOAD #!lua_name=lib
redis.register_function('f',function()_end)
0 MULTI
0 INCR tx
0 RPUSH tx2 1
0 EXEC
4 MULTI
4 INCR tx
4 RPUSH tx2 1
4 EXEC
3 SWAPDB 3 4
0 SWAPDB 0 6
0 INCR a
0 GETDEL a
5 SELECT 5
5 SET in5 1
5 FLUSHDB
5 SET in5 2
0 PUBLISH channel message
0 SORT l STORE sorted
0 UNLINK c
0 SET t 1 PX 1
`

// do carries the writes out.
func do(s *redistest.Server, writes string) {
	s.TB.Helper()
	writes = strings.ReplaceAll(writes, "\nredis.register", "\vredis.register")
	for line := range strings.Lines(strings.TrimSpace(writes)) {
		db, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.Do("SELECT", db)
		words := strings.Fields(strings.ReplaceAll(command, "\v", "\x01"))
		for i := range words {
			words[i] = strings.ReplaceAll(strings.ReplaceAll(words[i], "\x01", "\n"), "_", " ")
			words[i] = strings.ReplaceAll(words[i], "register function", "register_function")
		}
		if words[0] == "FUNCTION" {
			words = []string{"FUNCTION", "LOAD", strings.Join(words[2:], " ")}
		}
		s.Do(words...)
	}
	s.Do("SELECT", "0")
}

// Writes of every kind arrive, also those that the snapshot does not have, in their databases.
func TestWrites(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	fill(source, 100)
	r := begin(t, source.URL(), target.URL(), Options{})
	r.caughtUp()
	do(source, all)
	r.caughtUp()
	source.Do("WAIT", "1", "5000") // asks for the offset (REPLCONF GETACK)
	target.Do("SELECT", "0")
	r.finish()
	same(t, source, target, 1, 2, 3, 4, 5, 6, 7)
	if got := target.Do("FUNCTION", "LIST"); len(got.([]any)) != 1 {
		t.Errorf("functions: %v", got)
	}
	if r.report.Resumed != 0 || r.report.Snapshots != 1 || r.report.Offset == 0 {
		t.Errorf("%+v", r.report)
	}

	// FLUSHALL takes away the position, too, which the same transaction sets again.
	source, target = redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	fill(source, 100)
	r = begin(t, source.URL(), target.URL(), Options{})
	r.caughtUp()
	source.Do("FLUSHALL")
	do(source, "0 SET only 1")
	redistest.Until(t, "the write has arrived", func() bool { return target.Do("EXISTS", "only") == int64(1) })
	if got := target.Do("DBSIZE"); got != int64(2) || target.Do("EXISTS", markKey) != int64(1) {
		t.Errorf("%v keys, %v", got, target.Do("KEYS", "*"))
	}
	r.finish()
	same(t, source, target)
}

// A key whose life was prolonged in the source does not die in a target that hears of it later, and one that expired in the source
// is gone.
func TestExpiry(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	fill(source, 50)
	for _, key := range []string{"kept", "longer", "renamed"} {
		source.Do("SET", key, "1", "PX", "700")
	}
	source.Do("SET", "gone", "1", "PX", "600")
	source.Do("SET", "late", "1", "PX", "300000")
	r := begin(t, source.URL(), target.URL(), Options{})
	r.caughtUp()
	source.Do("SET", "streamed", "1", "PX", "700")
	redistest.Until(t, "the write has arrived", func() bool { return target.Do("EXISTS", "streamed") == int64(1) })
	target.Signal(syscall.SIGSTOP)
	source.Do("PERSIST", "kept")
	source.Do("PEXPIRE", "longer", "100000")
	source.Do("PEXPIRE", "streamed", "200000")
	source.Do("RENAME", "renamed", "other")
	source.Do("EXPIRE", "other", "100")
	time.Sleep(900 * time.Millisecond)
	target.Signal(syscall.SIGCONT)
	redistest.Until(t, "the target hears of it", func() bool { return target.Do("EXISTS", "other") == int64(1) })
	if got := target.Do("PEXPIRETIME", "late").(int64); got < held {
		t.Errorf("the expiry is not held: %d", got)
	}
	r.finish()
	same(t, source, target)
	if got := target.Do("EXISTS", "kept", "longer", "streamed", "other", "late"); got != int64(5) {
		t.Errorf("%v of 5 keys", got)
	}
	if got := target.Do("EXISTS", "gone"); got != int64(0) {
		t.Error("an expired key is there")
	}
	if got := target.Do("PEXPIRETIME", "late").(int64); got > time.Now().Add(time.Hour).UnixMilli() {
		t.Errorf("the expiry is held: %d", got)
	}
}
