package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// plainKeys are strings of so many bytes, every second one with an expiry far away.
func plainKeys(n, size int) []rdb.Entry {
	var list []rdb.Entry
	for i := range n {
		e := text(0, fmt.Sprint("key:", i))
		e.Raw = rdb.AppendString(nil, bytes.Repeat([]byte{byte('a' + i%26)}, size))
		if i%2 == 1 {
			e.Expiry = 4_000_000_000_000
		}
		list = append(list, e)
	}
	return list
}

// dump10 is a dump that Redis 7.0 loads.
func dump10(t *testing.T, entries ...rdb.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if err := w.Write(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// missingIn counts the keys of entries that no server has, one by one, as a script would.
func missingIn(servers []*redistest.Server, entries []rdb.Entry) (missing []string) {
	for _, e := range entries {
		if e.Kind != rdb.KeyEntry || e.Expiry != 0 && e.Expiry < time.Now().UnixMilli()+2000 {
			continue
		}
		there := false
		for _, s := range servers {
			s.Do("SELECT", strconv.Itoa(e.DB))
			if n, err := s.Try("EXISTS", string(e.Key)); err == nil && n == int64(1) {
				there = true
			}
		}
		if !there {
			missing = append(missing, string(e.Key))
		}
	}
	for _, s := range servers {
		s.Do("SELECT", "0")
	}
	return missing
}

// A target that evicts says yes to every key and keeps some: the import counts what is there, by each method.
func TestEvicted(t *testing.T) {
	entries := plainKeys(6000, 1000)
	data := dump10(t, entries...)
	for _, policy := range []string{"allkeys-lru", "volatile-lru"} {
		for _, o := range []plan.Options{
			{}, {Verify: plan.VerifyOff}, {Verify: plan.VerifyFull}, {Method: plan.Commands}, {Existing: plan.Replace}, {Existing: plan.Skip}, {Method: plan.Replication},
			{Existing: plan.Flush, Confirm: func(string) error { return nil }},
		} {
			t.Run(fmt.Sprint(policy, " ", o.Method, " ", o.Existing, " ", o.Verify), func(t *testing.T) {
				s := redistest.Start(t, "--maxmemory", "7mb", "--maxmemory-policy", policy)
				if o.Existing != plan.Refuse {
					s.Do("SET", "key:1", "old")
				}
				o.IgnoreRoom, o.MaxFailures = true, 10_000
				report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), o)
				if err != nil {
					t.Fatal(err)
				}
				missing := missingIn([]*redistest.Server{s}, entries)
				if len(missing) == 0 {
					t.Fatal("nothing was evicted")
				}
				if report.Failed() == 0 || len(report.Doubts) == 0 {
					t.Fatalf("%d keys are missing, but the import is said to be whole: %+v", len(missing), report.Total)
				}
				named := map[string]bool{}
				for _, d := range report.Differences {
					named[d.Key] = true
				}
				if len(missing) != len(named) {
					t.Errorf("%d keys are missing, %d are named; %q", len(missing), len(named), report.Doubts)
				}
			})
		}
	}
}

// A live source cannot be read again, but is not said to be whole either.
func TestEvictedLive(t *testing.T) {
	data := dump10(t, plainKeys(6000, 1000)...)
	for _, existing := range []plan.Existing{plan.Refuse, plan.Replace} {
		s := redistest.Start(t, "--maxmemory", "7mb", "--maxmemory-policy", "allkeys-lru")
		src := bytesSource("live", data)
		src.Once = true
		report, err := Import(t.Context(), src, targetOf(t, s.URL()), plan.Options{IgnoreRoom: true, Existing: existing})
		if err != nil || report.Failed() == 0 || len(report.Doubts) == 0 {
			t.Errorf("%v: %v, %+v", existing, err, report)
		}
	}
}

// One node of a cluster that evicts is enough.
func TestEvictedInCluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	entries := plainKeys(6000, 1000)
	data := dump10(t, entries...)
	nodes[1].Do("CONFIG", "SET", "maxmemory", "3mb")
	nodes[1].Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	_, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, nodes[0].URL()), plan.Options{})
	if err == nil || !strings.Contains(err.Error(), "node "+nodes[1].Addr()) || !strings.Contains(err.Error(), "keys would be evicted") {
		t.Errorf("the preflight: %v", err)
	}
	report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, nodes[0].URL()), plan.Options{IgnoreRoom: true, MaxFailures: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	missing := missingIn(nodes, entries)
	if len(missing) == 0 || report.Differing != uint64(len(missing)) || report.Failed() == 0 {
		t.Errorf("%d keys are missing, %d differ, %q", len(missing), report.Differing, report.Doubts)
	}
}

// Whatever others do to the target meanwhile: an import is whole if and only if the keys are there.
func TestOthersMeanwhile(t *testing.T) {
	entries := plainKeys(4000, 500)
	soonGone := text(0, "gone by right")
	soonGone.Expiry = time.Now().UnixMilli() + 1500
	data := dump10(t, append(entries, soonGone)...)
	random := rand.New(rand.NewPCG(5, 6))
	deeds := map[string]func(s *redistest.Server){
		"nothing":  func(*redistest.Server) {},
		"flushall": func(s *redistest.Server) { s.Do("FLUSHALL") },
		"other db": func(s *redistest.Server) {
			s.Do("SELECT", "5")
			s.Do("SET", "x", "y")
			s.Do("FLUSHDB")
			s.Do("SELECT", "0")
		},
		"additions": func(s *redistest.Server) { s.Do("SET", "other", "x") },
		"one key":   func(s *redistest.Server) { s.Do("DEL", fmt.Sprint("key:", random.IntN(300))) },
		"balanced": func(s *redistest.Server) {
			for i := range 10 {
				s.Do("DEL", fmt.Sprint("key:", i))
				s.Do("SET", fmt.Sprint("other:", i), "x")
			}
		},
		"expire":  func(s *redistest.Server) { s.Do("PEXPIRE", "key:2", "1") },
		"rename":  func(s *redistest.Server) { s.Do("RENAME", "key:4", "key:four") },
		"script":  func(s *redistest.Server) { s.Do("EVAL", "redis.call('UNLINK', 'key:7', 'key:9')", "0") },
		"swapdb":  func(s *redistest.Server) { s.Do("SWAPDB", "0", "9") },
		"restart": func(s *redistest.Server) { s.Kill(); s.Run() },
	}
	for name, deed := range deeds {
		for _, o := range []plan.Options{{}, {Method: plan.Commands, Verify: plan.VerifyOff}, {Existing: plan.Replace}} {
			t.Run(fmt.Sprint(name, " ", o.Method, " ", o.Existing), func(t *testing.T) {
				s := redistest.Start(t)
				o.Rate, o.Connections, o.Checkpoint, o.Patience = 4<<20, 1, &memoryStore{}, 20*time.Second
				done := make(chan struct{})
				go func() {
					defer close(done)
					redistest.Until(t, "some keys are written", func() bool { n, err := s.Try("DBSIZE"); return err == nil && n.(int64) > 400 })
					deed(s)
				}()
				report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), o)
				<-done
				if err != nil {
					t.Fatal(err)
				}
				missing := missingIn([]*redistest.Server{s}, entries)
				if (len(missing) > 0) != (report.Failed() > 0) {
					t.Errorf("%d keys are missing, but the report says %+v, %q, %v", len(missing), report.Total, report.Doubts, report.Differences)
				}
				for _, d := range report.Differences {
					if !slices.Contains(missing, d.Key) {
						t.Errorf("%q is said to be missing, but is there: %v", d.Key, d)
					}
				}
			})
		}
	}
}

// A target that was made a replica of an empty server, and a master again, is the same process without its data.
func TestDemotedMeanwhile(t *testing.T) {
	entries := plainKeys(4000, 500)
	other, s := redistest.Start(t), redistest.Start(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 400 })
		s.Do("REPLICAOF", "127.0.0.1", fmt.Sprint(other.Port))
		redistest.Until(t, "it has synchronized", func() bool { return s.Do("DBSIZE") == int64(0) })
		s.Do("REPLICAOF", "NO", "ONE")
	}()
	store := &memoryStore{}
	o := plan.Options{Rate: 4 << 20, Connections: 1, Checkpoint: store}
	report, err := Import(t.Context(), bytesSource("dump", dump10(t, entries...)), targetOf(t, s.URL()), o)
	<-done
	if err != nil { // a target that is a replica ends it
		o.Rate, o.Resume = 0, true
		if report, err = Import(t.Context(), bytesSource("dump", dump10(t, entries...)), targetOf(t, s.URL()), o); err != nil {
			t.Fatal(err)
		}
	}
	if missing := missingIn([]*redistest.Server{s}, entries); len(missing) > 0 || report.Failed() > 0 {
		t.Errorf("%d keys are missing, %+v, %q", len(missing), report.Total, report.Doubts)
	}
}

// Before --resume the target was replaced by another, which has keys of the same names. They are not taken for our own.
func TestReplacedBeforeResume(t *testing.T) {
	entries := plainKeys(4000, 500)
	data := dump10(t, entries...)
	s := redistest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 2000 })
		cancel()
	}()
	store := &memoryStore{}
	_, err := Import(ctx, bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{Rate: 4 << 20, Checkpoint: store})
	var stopped *Interrupted
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	s.Kill()
	second := redistest.StartAt(t, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "")
	for i := range 40 {
		second.Do("SET", fmt.Sprint("key:", i*2), "of somebody else")
	}
	report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, second.URL()), plan.Options{Resume: true, Checkpoint: store, MaxFailures: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if report.Failed() < 40 {
		t.Errorf("40 keys are another's, but the report says %+v, %d differ, %q", report.Total, report.Differing, report.Notes)
	}
	if missing := missingIn([]*redistest.Server{second}, entries); len(missing) > 0 {
		t.Errorf("%d keys are missing", len(missing))
	}
	// Another target is another import.
	store.text = bytes.ReplaceAll(store.text, []byte(targetOf(t, second.URL()).String()), []byte("redis://elsewhere:6379"))
	_, err = Import(t.Context(), bytesSource("dump", data), targetOf(t, second.URL()), plan.Options{Resume: true, Checkpoint: store})
	if err == nil || !strings.Contains(err.Error(), "belongs to an import into redis://elsewhere:6379") {
		t.Errorf("got %v", err)
	}
}

// Values of every size are compared, not only small ones.
func TestLargeValuesAreSampled(t *testing.T) {
	var entries []rdb.Entry
	for i, size := range []int{10, 20_000, 200_000, 900_000} {
		e := text(0, fmt.Sprint("size:", i))
		e.Raw = rdb.AppendString(nil, bytes.Repeat([]byte("v"), size))
		entries = append(entries, e)
	}
	data := dump10(t, entries...)
	for i := range entries {
		s := redistest.Start(t)
		store := &spoiler{do: func() { s.Do("APPEND", fmt.Sprint("size:", i), "x") }, when: func() bool { return s.Do("DBSIZE") == int64(len(entries)) }}
		report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{Checkpoint: store})
		if err != nil {
			t.Fatal(err)
		}
		if report.Differing != 1 {
			t.Errorf("a value of %d bytes was changed: %v", len(entries[i].Raw), report.Differences)
		}
	}
}

// A spoiler does something once, when a checkpoint is saved and a condition holds.
type spoiler struct {
	memoryStore
	once sync.Once
	do   func()
	when func() bool
}

func (s *spoiler) Save(text []byte) error {
	if s.when() {
		s.once.Do(s.do)
	}
	return s.memoryStore.Save(text)
}

// Verification goes on after its connection breaks, and follows slots that move.
func TestVerificationSurvives(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	cuts := 0
	report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, "redis://"+p.Addr), plan.Options{Verify: plan.VerifyFull, Progress: func(now account.Progress) {
		if now.Stage == "verifying" && cuts < 5 {
			cuts++
			p.Set(redistest.Toxic{CutReply: 6_000_000})
			p.Cut()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.check(t, s, report)
	if report.Verified < m.keys {
		t.Errorf("%d keys were compared", report.Verified)
	}

	nodes := redistest.StartCluster(t, 3)
	entries := plainKeys(5000, 100)
	moved := sync.OnceFunc(func() {
		for slot := range 30 {
			redistest.MoveSlot(t, nodes[0], nodes[1], strconv.Itoa(slot))
		}
	})
	var moving sync.WaitGroup
	report, err = Import(t.Context(), bytesSource("dump", dump10(t, entries...)), targetOf(t, nodes[0].URL()), plan.Options{Verify: plan.VerifyFull, Progress: func(now account.Progress) {
		if now.Stage == "verifying" {
			moving.Go(moved)
		}
	}})
	moving.Wait()
	if err != nil || report.Failed() > 0 || report.Verified < uint64(len(entries)) {
		t.Errorf("%v, %+v, %v, %q", err, report.Total, report.Differences, report.Doubts)
	}
}

// Keys live as long in the target as they would have in a source whose clock is wrong.
func TestClocks(t *testing.T) {
	now := time.Now()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name          string
		live          *plan.Live
		option        time.Duration
		expiry        time.Time // by the source's clock
		lives         time.Duration
		written, note bool
	}{
		{"right", &plan.Live{}, 0, now.Add(time.Hour), time.Hour, true, false},
		{"expired", &plan.Live{}, 0, now.Add(-time.Hour), 0, false, false},
		{"a day behind", &plan.Live{Clock: -day}, 0, now.Add(-day + time.Hour), time.Hour, true, true},
		{"a day behind, expired", &plan.Live{Clock: -day}, 0, now.Add(-day - time.Hour), 0, false, true},
		{"a day ahead", &plan.Live{Clock: day}, 0, now.Add(day + time.Hour), time.Hour, true, true},
		{"a day ahead, expired", &plan.Live{Clock: day}, 0, now.Add(day - time.Hour), 0, false, true},
		{"a second off", &plan.Live{Clock: time.Second}, 0, now.Add(time.Hour), time.Hour, true, false},
		{"a file", nil, 0, now.Add(-day + time.Hour), 0, false, false},
		{"a file of a server a day behind", nil, -day, now.Add(-day + time.Hour), time.Hour, true, true},
	} {
		for _, method := range []plan.Method{plan.Auto, plan.Commands} {
			t.Run(fmt.Sprint(tt.name, " ", method), func(t *testing.T) {
				e, lasting := text(0, "a"), text(0, "b")
				e.Expiry = tt.expiry.UnixMilli()
				s := redistest.Start(t)
				src := bytesSource("dump", dump10(t, e, lasting))
				src.Live, src.Once = tt.live, tt.live != nil
				report, err := Import(t.Context(), src, targetOf(t, s.URL()), plan.Options{SourceClock: tt.option, Method: method})
				if err != nil || report.Failed() > 0 {
					t.Fatalf("%v, %+v", err, report)
				}
				want := uint64(1)
				if tt.written {
					want++
				}
				if report.Total.Written != want || report.Total.Expired != 2-want {
					t.Errorf("%+v", report.Total)
				}
				left, _ := s.Do("PTTL", "a").(int64)
				if off := time.Duration(left)*time.Millisecond - tt.lives; tt.written && off.Abs() > 30*time.Second {
					t.Errorf("it lives for another %v, want %v", time.Duration(left)*time.Millisecond, tt.lives)
				}
				if note := strings.Contains(fmt.Sprint(report.Notes), "the clock of the source differs from the target by"); note != tt.note {
					t.Errorf("notes %q", report.Notes)
				}
			})
		}
	}
}

// The count of keys never goes beyond those of the dump, also where they are gone through again.
func TestProgressKeys(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	store := &confirmedStore{do: func() { s.Kill(); s.Run() }}
	var most uint64
	report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{Checkpoint: store, Rate: 15 << 20, Progress: func(p account.Progress) { most = max(most, p.Keys) }})
	if err != nil {
		t.Fatal(err)
	}
	m.check(t, s, report)
	if most > m.keys {
		t.Errorf("the progress went to %d of %d keys", most, m.keys)
	}
}

// A migration between two servers whose clocks are both wrong, each by another day: keys, and fields of hashes, live as long as
// they would have. The source is read live, and TIME is what the proxies make of it.
func TestBothClocksOff(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct{ source, target time.Duration }{{day, 2 * day}, {2 * day, day}, {day, day}, {0, day}, {day, 0}} {
		t.Run(fmt.Sprint(tt.source, " ", tt.target), func(t *testing.T) {
			from, to := redistest.Start(t), redistest.Start(t)
			expiry := time.Now().Add(tt.source + time.Hour) // by the source's clock, which has the time now + source
			from.Do("SET", "a", "b")
			from.Do("PEXPIREAT", "a", fmt.Sprint(expiry.UnixMilli()))
			from.Do("RPUSH", "lasting", "x")
			from.Do("SAVE")
			data, err := os.ReadFile(filepath.Join(from.Dir, "dump.rdb"))
			if err != nil {
				t.Fatal(err)
			}
			source, target := redistest.StartProxy(t, from.Addr()), redistest.StartProxy(t, to.Addr())
			source.Set(redistest.Toxic{Clock: tt.source})
			target.Set(redistest.Toxic{Clock: tt.target})
			conn, err := targetOf(t, "redis://"+source.Addr).Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ahead, _, err := conn.Clock(t.Context())
			if err != nil || (ahead-tt.source).Abs() > 5*time.Second {
				t.Fatalf("the source is ahead by %v, %v", ahead, err)
			}
			for _, method := range []plan.Method{plan.Auto, plan.Commands} {
				to.Do("FLUSHALL")
				src := bytesSource("live", data)
				src.Once, src.Live = true, &plan.Live{Clock: ahead}
				report, err := Import(t.Context(), src, targetOf(t, "redis://"+target.Addr), plan.Options{Method: method})
				if err != nil || report.Failed() > 0 || report.Total.Written != 2 {
					t.Fatalf("%v: %v, %+v, %v", method, err, report.Total, report.Differences)
				}
				left := time.Until(time.UnixMilli(to.Do("PEXPIRETIME", "a").(int64))) - tt.target // by the target's clock
				if (left - time.Hour).Abs() > time.Minute {
					t.Errorf("%v: it lives for another %v", method, left)
				}
				if note := strings.Contains(fmt.Sprint(report.Notes), "the clock of the source differs from the target by"); note != (tt.source != tt.target) {
					t.Errorf("%v: notes %q", method, report.Notes)
				}
			}
		})
	}
}

// everyKind is a dump with a value of each type, large ones too, pending entries and a function library.
func everyKind(t *testing.T) []byte {
	t.Helper()
	s := redistest.Start(t, "--list-max-listpack-size", "128", "--stream-node-max-entries", "10")
	s.Do("SET", "string", "v")
	s.Do("SET", "expiring", "v", "PXAT", "4000000000000")
	s.Do("RPUSH", "list", "a", "b")
	s.Do("SADD", "set", "a", "b")
	s.Do("ZADD", "zset", "1", "a")
	s.Do("HSET", "hash", "f", "v")
	s.Do("PEXPIREAT", "hash", "4000000000000")
	for i := 1; i < 20; i++ {
		s.Do("XADD", "stream", fmt.Sprint(i, "-1"), "f", "v")
	}
	s.Do("XGROUP", "CREATE", "stream", "group", "0")
	s.Do("XREADGROUP", "GROUP", "group", "one", "COUNT", "5", "STREAMS", "stream", ">")
	s.Do("XDEL", "stream", "2-1")
	s.Do("SETRANGE", "large string", strconv.Itoa(plan.Split+1000), "x")
	element := strings.Repeat("x", plan.Split/20)
	for i := range 30 {
		n := strconv.Itoa(i)
		s.Do("RPUSH", "large list", n+element)
		s.Do("HSET", "large hash", n, element)
	}
	s.Do("FUNCTION", "LOAD", "#!lua name=imported\nredis.register_function('imported', function() return 1 end)")
	s.Do("SAVE")
	data, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What the import itself sends is not another client's: XDEL of entries that are revived to be claimed, PEXPIREAT, RENAME.
func TestOwnCommandsAreNotOthers(t *testing.T) {
	data := everyKind(t)
	for _, existing := range []plan.Existing{plan.Refuse, plan.Skip} {
		s := redistest.Start(t)
		if existing != plan.Refuse {
			s.Do("SET", "other", "1") // so that counting proves nothing
		}
		s.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		store := &spoiler{do: func() { s.Do("CONFIG", "SET", "maxmemory", "1") }, when: func() bool { return s.Do("EXISTS", "stream") == int64(1) }}
		report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{Method: plan.Commands, Existing: existing, Checkpoint: store, Connections: 1})
		text := fmt.Sprint(err, report.Doubts, report.Notes)
		if err == nil && (len(report.Doubts) == 0 || !strings.Contains(text, "evicted")) || strings.Contains(text, "other clients sent") {
			t.Errorf("%v: %s", existing, text)
		}
	}
}
