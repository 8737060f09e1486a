package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/internal/spool"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// takesWrites fails unless the server takes a write within a moment.
func takesWrites(t *testing.T, s *redistest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := targetOf(t, s.URL()).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Do(ctx, "SET", "probe", "1"); err != nil {
		t.Errorf("the source takes no writes: %v", err)
	}
}

// fails waits for an end without a cut-over.
func (r *run) fails(want string) {
	r.t.Helper()
	r.wait()
	if r.err == nil || !strings.Contains(r.err.Error(), want) || r.report.CutOver || !r.report.PausedUntil.IsZero() {
		r.t.Errorf("%v; %+v; %q; want %s", r.err, r.report, r.events, want)
	}
}

// A write that the target does not have ends it, by name and place; what came before is there, nothing after it is, and it goes on from
// there once the target can.
func TestRefusedWrite(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t, "--rename-command", "INCR", "")
	fill(source, 10)
	r := begin(t, source.URL(), target.URL(), Options{})
	r.caughtUp()
	source.Do("SET", "before", "1")
	redistest.Until(t, "the write has arrived", func() bool { return target.Do("EXISTS", "before") == int64(1) })
	source.Do("INCR", "counter")
	source.Do("SET", "after", "1")
	r.fails(`the target rejects INCR of key "counter" in database 0, at offset `)
	if target.Do("EXISTS", "after") != int64(0) || target.Do("EXISTS", "before") != int64(1) || strings.Contains(r.err.Error(), "differs") {
		t.Errorf("%v, %v", target.Do("KEYS", "*"), r.err)
	}
	takesWrites(t, source)

	// An error within the transaction leaves a target that cannot be gone on with.
	target = redistest.Start(t)
	r = begin(t, source.URL(), target.URL(), Options{})
	r.caughtUp()
	target.Do("LPUSH", "string", "another client wrote this")
	source.Do("APPEND", "string", "x")
	r.fails(`the target rejects APPEND of key "string" in database 0`)
	if target.Do("EXISTS", markKey) != int64(0) || r.report.Resumable || !strings.Contains(r.err.Error(), "start again with --flush") {
		t.Errorf("%v, %v", target.Do("KEYS", "*"), r.err)
	}
}

// Where the backlog does not reach back, a new snapshot replaces everything: also what was deleted meanwhile.
func TestNewSnapshot(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "16kb"), redistest.Start(t)
	fill(source, 500)
	source.Do("SELECT", "3")
	source.Do("SET", "deleted", "1")
	source.Do("FUNCTION", "LOAD", "#!lua name=old\nredis.register_function('f',function()end)")
	source.Do("SELECT", "0")
	proxy := redistest.StartProxy(t, source.Addr())
	r := begin(t, "redis://"+proxy.Addr, target.URL(), Options{})
	r.caughtUp()
	proxy.Set(redistest.Toxic{Refuse: true})
	proxy.Cut()
	source.Do("SELECT", "3")
	source.Do("DEL", "deleted")
	source.Do("SELECT", "0")
	source.Do("FUNCTION", "DELETE", "old")
	source.Do("DEL", "key:1", "key:3")
	for i := range 200 {
		source.Do("SET", "new:"+strconv.Itoa(i), strings.Repeat("x", 1000))
	}
	proxy.Set(redistest.Toxic{})
	redistest.Until(t, "a new snapshot is imported", func() bool { return r.happened("a new snapshot replaces") == 1 || r.ended() })
	r.caughtUp()
	r.finish()
	same(t, source, target, 3)
	if r.report.Snapshots != 2 || r.report.Resumed != 0 || len(target.Do("FUNCTION", "LIST").([]any)) != 0 {
		t.Errorf("%+v", r.report)
	}

	// That does not go on for ever.
	target.Do("FLUSHALL")
	r = begin(t, "redis://"+proxy.Addr, target.URL(), Options{})
	r.caughtUp()
	source.Do("CLIENT", "UNPAUSE")
	proxy.Set(redistest.Toxic{Refuse: true})
	proxy.Cut()
	for i := range 200 {
		source.Do("EVAL", "local r={} for i=1,250 do r[i]=tostring(math.random(10000)) end redis.call('SET',KEYS[1],table.concat(r))", "1", "new:"+strconv.Itoa(i))
	}
	proxy.Set(redistest.Toxic{CutReply: 100_000}) // within the snapshot
	r.fails("raise repl-backlog-size (now 16 KiB) and client-output-buffer-limit replica of the source")
	takesWrites(t, source)
}

// A user that may not pause writers is told to stop them, and the cut-over waits for that.
func TestPauseForbidden(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	source.Do("ACL", "SETUSER", "follower", "on", ">secret", "~*", "+psync", "+replconf", "+info", "+ping", "+time", "+select", "+scan", "+dump", "+pttl", "+pexpiretime", "+exists", "+module|list", "+function|list", "+acl|whoami", "+acl|dryrun")
	fill(source, 200)
	w := write(t, source, 200)
	r := begin(t, "redis://follower:secret@"+source.Addr(), target.URL(), Options{Quiet: 300 * time.Millisecond, Cutover: true})
	redistest.Until(t, "the user is asked to stop writers", func() bool { return r.happened("stop them now") > 0 || r.ended() })
	time.Sleep(500 * time.Millisecond)
	if r.ended() {
		t.Fatalf("ended: %v, %+v", r.err, r.report)
	}
	n := w.stop()
	r.wait()
	if r.err != nil || !r.report.CutOver || r.report.Pause != nil || !r.report.PausedUntil.IsZero() || r.happened("may not pause writers") != 1 {
		t.Errorf("%v; %+v; %q; %d writes", r.err, r.report, r.events, n)
	}
	same(t, source, target)
	takesWrites(t, source)
}

// A target that was restarted goes on from what it has: all of it, some of it, or nothing.
func TestTargetRestarts(t *testing.T) {
	for _, aof := range []string{"always", "no", ""} {
		args := []string{"--appendonly", "yes", "--appendfsync", "always"}
		want := 1
		if aof != "always" {
			args, want = nil, 2
		}
		source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t, args...)
		fill(source, 300)
		r := begin(t, source.URL(), target.URL(), Options{})
		r.caughtUp()
		if aof == "no" { // a dump of a moment before
			want = 1
			target.Do("SAVE")
		}
		w := write(t, source, 500)
		before := r.f.commands.Load()
		redistest.Until(t, "writes arrive", func() bool { return r.f.commands.Load() > before+20 || r.ended() })
		target.Kill()
		time.Sleep(100 * time.Millisecond)
		target.Run()
		time.Sleep(200 * time.Millisecond)
		r.caughtUp()
		redistest.Until(t, "the target follows", func() bool { return target.Do("DBSIZE").(int64) > 250 || r.ended() })
		r.finish()
		same(t, source, target)
		source.Do("CLIENT", "UNPAUSE")
		w.stop()
		if r.report.Snapshots != want || aof == "no" && r.happened("has lost its last writes") == 0 || aof == "" && r.happened("has lost its data") == 0 {
			t.Errorf("%s: %+v; %q", aof, r.report, r.events)
		}
	}
}

// The connection to the target breaks within transactions; each is carried out once.
func TestTargetBreaks(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	fill(source, 300)
	proxy := redistest.StartProxy(t, target.Addr())
	r := begin(t, source.URL(), "redis://"+proxy.Addr, Options{})
	r.caughtUp()
	w := write(t, source, 1500)
	for i := range 20 {
		proxy.Set(redistest.Toxic{CutAfter: 3000 + 700*i, Delay: time.Millisecond})
		if i%2 == 1 {
			proxy.Set(redistest.Toxic{CutReply: 1500 + 90*i})
		}
		before := proxy.Cuts()
		proxy.Cut()
		redistest.Until(t, "it is cut", func() bool { return proxy.Cuts() > before || r.ended() })
	}
	proxy.Set(redistest.Toxic{})
	proxy.Cut()
	r.caughtUp()
	r.finish()
	same(t, source, target)
	source.Do("CLIENT", "UNPAUSE")
	w.stop()
	if r.report.Snapshots != 1 || r.happened("lost the connection to the target") < 10 {
		t.Errorf("%+v; %q", r.report, r.events)
	}
}

// Wherever it is interrupted, the source takes writes, and it goes on from there.
func TestInterrupted(t *testing.T) {
	stages := []string{"writing", "following", "preparing the cut-over", "restoring expiry times", "comparing"}
	met := map[string]bool{}
	for _, stage := range stages {
		source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
		fill(source, 20_000)
		o := Options{Cutover: true}
		r := watched(t, source.URL(), target.URL(), o, func(now string, r *run) {
			if now == stage {
				met[stage] = true
				r.cancel()
			}
		})
		if stage == "writing" {
			redistest.Until(t, "keys are there", func() bool { return target.Do("DBSIZE").(int64) > 0 || r.ended() })
			met[stage] = true
			r.cancel()
		}
		r.wait()
		if r.err == nil || r.report.CutOver {
			t.Errorf("%s: %v, %+v", stage, r.err, r.report)
		}
		takesWrites(t, source)
		resumable := target.Do("EXISTS", markKey) == int64(1)
		if resumable != r.report.Resumable {
			t.Errorf("%s: it can be resumed: %v, %+v", stage, resumable, r.report)
		}
		o.Resume = resumable
		if !resumable {
			target.Do("FLUSHALL")
		}
		again := begin(t, source.URL(), target.URL(), o)
		again.wait()
		if again.err != nil || !again.report.CutOver || resumable != (again.report.Snapshots == 0) {
			t.Errorf("%s: resumed: %v; %+v; %q", stage, again.err, again.report, again.events)
		}
		same(t, source, target)
	}
	for _, stage := range stages {
		if !met[stage] {
			t.Errorf("%s: never there", stage)
		}
	}
}

// A target that another client writes to is not equal, and the source takes writes again.
func TestDifferent(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		verify       plan.Verify
		change       []string
	}{
		{"a key more", "is not in the source", plan.VerifySample, []string{"SET", "another", "1"}},
		{"a key less", "missing", plan.VerifyOff, []string{"DEL", "key:7"}},
		{"another value", "has a different value", plan.VerifyFull, []string{"SET", "key:7", "x"}},
		{"another expiry", "expires, expected no expiry", plan.VerifyFull, []string{"EXPIRE", "key:7", "1000"}},
		{"a function", "is not in the source", plan.VerifyOff, []string{"FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('f',function()end)"}},
	} {
		source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
		fill(source, 3000)
		r := begin(t, source.URL(), target.URL(), Options{Import: plan.Options{Verify: tt.verify}})
		r.caughtUp()
		target.Do(tt.change...)
		r.ask()
		r.wait()
		if !IsDifferent(r.err) || r.report.CutOver || r.report.Differing != 1 || len(r.report.Differences) != 1 || r.report.Differences[0].Reason != tt.reason {
			t.Errorf("%s: %v; %+v", tt.name, r.err, r.report)
		}
		if tt.verify == plan.VerifyFull && r.report.Compared != 3000 {
			t.Errorf("%s: %d keys compared", tt.name, r.report.Compared)
		}
		takesWrites(t, source)
	}
}

// What cannot work is refused before the first write.
func TestRefused(t *testing.T) {
	source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	fill(source, 10)
	other := redistest.Start(t)
	other.Do("SELECT", "9")
	other.Do("SET", "a", "1")
	library := redistest.Start(t)
	library.Do("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('f',function()end)")
	cluster := redistest.Start(t, "--cluster-enabled", "yes", "--databases", "1")
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(source.Port))
	redistest.Until(t, "the replica is there", func() bool { return slices.Contains(replica.Do("ROLE").([]any), any("connected")) })
	source.Do("ACL", "SETUSER", "few", "on", ">x", "~*", "+@all", "-psync", "-sync")
	source.Do("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-info")
	source.Do("ACL", "SETUSER", "unread", "on", ">x", "~*", "+@all", "-dump")
	for _, tt := range []struct {
		from, to, want string
		o              Options
	}{
		{cluster.URL(), target.URL(), "is a node of a cluster, whose masters each have a stream of their own", Options{}},
		{source.URL(), cluster.URL(), "the target is a cluster", Options{}},
		{replica.URL(), target.URL(), "is a replica, on which writes cannot be paused", Options{}},
		{source.URL(), replica.URL(), "replica", Options{}},
		{source.URL(), other.URL(), "database 9 of the target already contains 1 key", Options{}},
		{source.URL(), library.URL(), "the target has function libraries", Options{}},
		{"redis://few:x@" + source.Addr(), target.URL(), "the user needs +psync +replconf", Options{}},
		{"redis://blind:x@" + source.Addr(), target.URL(), "grant +info", Options{}},
		{"redis://unread:x@" + source.Addr(), target.URL(), "or use --verify off", Options{}},
		{"redis://wrong:x@" + source.Addr(), target.URL(), "wrong user or password", Options{}},
		{source.URL(), target.URL(), "the target has no position to resume from", Options{Resume: true}},
	} {
		r := begin(t, tt.from, tt.to, tt.o)
		r.fails(tt.want)
	}
	if got := target.Do("DBSIZE"); got != int64(0) {
		t.Errorf("%v keys", got)
	}
	// A dry run writes nothing, too.
	r := begin(t, source.URL(), target.URL(), Options{Import: plan.Options{DryRun: true}})
	r.wait()
	if got := target.Do("DBSIZE"); r.err != nil || got != int64(0) || r.report.CutOver || r.report.Import.Total.Read != 10 {
		t.Errorf("%v; %v keys; %+v", r.err, got, r.report)
	}
}

// A failover of the target loses writes that it had confirmed; they are carried out again. One of the source goes on, too.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("Sentinel takes a while")
	}
	for _, side := range []string{"target", "source"} {
		source, target := redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t, "--repl-diskless-sync-delay", "0")
		master := map[string]*redistest.Server{"source": source, "target": target}[side]
		replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
		redistest.Until(t, "the replica is there", func() bool { return slices.Contains(replica.Do("ROLE").([]any), any("connected")) })
		sentinel := redistest.StartSentinel(t, "m", master)
		redistest.Until(t, "the sentinel knows the replica", func() bool {
			list, _ := sentinel.Do("SENTINEL", "REPLICAS", "m").([]any)
			return len(list) == 1
		})
		fill(source, 2000)
		urls := map[string]string{"source": source.URL(), "target": target.URL()}
		urls[side] = fmt.Sprintf("redis+sentinel://127.0.0.1:%d/m", sentinel.Port)
		r := begin(t, urls["source"], urls["target"], Options{})
		r.caughtUp()
		if limited := r.f.opts.MaxPause == 500*time.Millisecond; limited != (side == "source") { // half of down-after-milliseconds
			t.Errorf("%s: the pause is up to %v", side, r.f.opts.MaxPause)
		}
		if side == "target" {
			w := write(t, source, 500)
			defer w.stop()
			before := r.f.commands.Load()
			redistest.Until(t, "writes arrive", func() bool { return r.f.commands.Load() > before+50 || r.ended() })
		}
		master.Kill()
		redistest.Until(t, "the replica is promoted", func() bool {
			role, _ := replica.Try("ROLE") // a promotion ends connections
			list, ok := role.([]any)
			return ok && list[0] == "master"
		})
		time.Sleep(100 * time.Millisecond)
		redistest.Until(t, "it answers", func() bool { _, err := replica.Try("PING"); return err == nil })
		if side == "source" {
			source = replica
		} else {
			target = replica
		}
		for range 100 {
			source.Do("INCR", "counter")
		}
		redistest.Until(t, "the write has arrived", func() bool {
			n, _ := target.Try("GET", "counter")
			return n == source.Do("GET", "counter") || r.ended()
		})
		r.caughtUp()
		r.finish()
		same(t, source, target)
		source.Do("CLIENT", "UNPAUSE")
		if r.report.Snapshots > 2 || side == "target" && r.happened("target") == 0 || side == "source" && (r.report.Snapshots != 1 || r.report.Resumed != 1) {
			t.Errorf("%s: %+v; %q", side, r.report, r.events)
		}
		t.Logf("%s: %d snapshots, %d resumed; %q", side, r.report.Snapshots, r.report.Resumed, r.events)
	}
}

// What was written to a queue is read, over the ends of files, which are removed.
func TestQueue(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	q := &queue{limit: 100, create: func() (File, error) { return spool.Create("queue-*") }}
	var want, got []byte
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 500 {
			p := []byte(fmt.Sprintf("%04d,%s", i, strings.Repeat("x", i%37)))
			want = append(want, p...)
			if err := q.write(p); err != nil {
				t.Error(err)
			}
		}
		q.end(io.EOF)
	})
	buf := make([]byte, 64)
	for {
		n, err := q.read(buf, time.Second)
		got = append(got, buf[:n]...)
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
	}
	writing.Wait()
	if string(got) != string(want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if left, _ := os.ReadDir(dir); len(left) > 1 {
		t.Errorf("%d files", len(left))
	}
	q.close()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files", len(left))
	}
	if err := q.write(nil); err == nil {
		t.Error("a closed queue takes more")
	}
	q = &queue{create: func() (File, error) { return nil, errors.New("no space") }}
	if err := q.write([]byte("x")); err == nil {
		t.Error("no error")
	}
	if n, err := q.read(buf, time.Millisecond); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// Both sides speak TLS and want a password.
func TestTLS(t *testing.T) {
	source, authority := redistest.StartTLS(t, "--repl-diskless-sync-delay", "0", "--requirepass", "secret")
	target, other := redistest.StartTLS(t, "--requirepass", "secret")
	source.Password, target.Password = "secret", "secret"
	fill(source, 500)
	f := func(s *redistest.Server, ca []byte) *redis.Target {
		to := targetOf(t, s.URL())
		to.Password = "secret"
		var err error
		if to.TLS, err = redis.TLSConfig(ca, nil, nil, "redis.test", false); err != nil {
			t.Fatal(err)
		}
		return to
	}
	t.Setenv("TMPDIR", t.TempDir())
	report, err := New(f(source, authority), plan.Source{Name: "source"}, f(target, other), Options{Cutover: true, Temp: func() (File, error) { return spool.Create("follow-*") }}).Run(t.Context())
	if err != nil || !report.CutOver {
		t.Fatalf("%v; %+v", err, report)
	}
	same(t, source, target)
}
