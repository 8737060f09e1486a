package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// memoryStore is a Store that a test can look into and make fail.
type memoryStore struct {
	mu    sync.Mutex
	text  []byte
	saves int
	fail  func(save int) error
}

func (m *memoryStore) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text, nil
}

func (m *memoryStore) Save(text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	if m.fail != nil {
		if err := m.fail(m.saves); err != nil {
			return err
		}
	}
	m.text = bytes.Clone(text)
	return nil
}

func (m *memoryStore) Remove() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = nil
	return nil
}

// mixed is a dump with some large values, and what a server has that loads it itself.
type mixed struct {
	data []byte
	want []string
	keys uint64
}

var mixedOnce = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	err := rdbmix.WriteLarge(&b, mixedKeys, 12)
	return b.Bytes(), err
})

const mixedKeys = 12_000

// mixedState is what the first server said that loaded the dump. Tests that use it run one after another.
var mixedState []string

func mixedDump(t *testing.T) mixed {
	t.Helper()
	data, err := mixedOnce()
	if err != nil {
		t.Fatal(err)
	}
	if mixedState == nil {
		mixedState = state(redistest.StartDump(t, data))
	}
	return mixed{data, mixedState, mixedKeys}
}

// check compares the target with what a server has that loads the dump itself, and the account with the dump.
func (m mixed) check(t *testing.T, s *redistest.Server, r *account.Report) {
	t.Helper()
	if got := state(s); !reflect.DeepEqual(got, m.want) {
		t.Errorf("the target differs from a server that loads the dump itself: %.300v, want %.300v; %v keys, %.1000s", got[0], m.want[0], s.Do("DBSIZE"), fmt.Sprint(s.Do("KEYS", "redis-gitops*")))
	}
	if r.Total.Read != m.keys || r.Total.Written != m.keys || r.Failed() != 0 {
		t.Errorf("the account is wrong: %+v, want %d read and written; %v %v", r.Total, m.keys, r.Failures, r.Differences)
	}
}

func TestMixed(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	for _, o := range []plan.Options{
		{},
		{Method: plan.Commands},
		{Method: plan.Replication},
		{Verify: plan.VerifyFull, Connections: 1, Window: 64 << 10},
		{Verify: plan.VerifyFull, Method: plan.Commands, Connections: 5},
	} {
		empty(s)
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		m.check(t, s, report)
		if o.Verify == plan.VerifyFull && report.Verified != m.keys {
			t.Errorf("%d keys compared", report.Verified)
		}
	}
	// A second time, over what is there.
	for _, existing := range []plan.Existing{plan.Replace, plan.Flush} {
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{
			Existing: existing, Confirm: func(string) error { return nil }, Method: plan.Commands})
		if err != nil {
			t.Fatal(err)
		}
		m.check(t, s, report)
	}
	s.Do("DEL", "app:cache:7", "app:large:1")
	report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{Existing: plan.Skip})
	if err != nil || report.Total.Written != 2 || report.Total.Skipped != m.keys-2 {
		t.Errorf("%v, %+v", err, report.Total)
	}
	if got := state(s); !reflect.DeepEqual(got, m.want) {
		t.Error("what was missing is not there again")
	}
	if _, err = Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{}); err == nil || !strings.Contains(err.Error(), "already contains 12000 keys; use --replace") {
		t.Errorf("keys in the way: %v", err)
	}
}

// What verification is for: every kind of difference is found.
func TestVerifyFinds(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	spoil := []struct{ command, want string }{
		{"DEL app:cache:11", "missing"},
		{"PERSIST app:cache:10", "does not expire, expected an expiry"},
		{"PEXPIREAT app:cache:15 3900000000000", "expires at"},
		{"EXPIRE app:cache:16 100000", "expires, expected no expiry"},
		{"SET app:cache:17 other", "a different value"},
		{"LSET app:large:0 5 other", "a different value"},
		{"HSET app:large:1 field:7 other", "a different value"},
		{"ZINCRBY app:large:2 1 member:9", "a different value"},
		{"SADD app:large:3 other", "a different value"},
		{"SETRANGE app:large:4 1500000 x_", "a different value"},
		{"XDEL app:large:5 1700000000000-5", "a different value"},
		{"DEL app:large:6", "missing"},
	}
	done := false
	source := bytesSource("dump", m.data)
	open := source.Open
	source.Open = func(ctx context.Context, offset int64) (io.ReadCloser, error) {
		if offset == 0 && s.Do("DBSIZE") == int64(m.keys) && !done { // the reading of the verification
			done = true
			for _, x := range spoil {
				s.Do(strings.Fields(x.command)...)
			}
		}
		return open(ctx, offset)
	}
	report, err := Import(t.Context(), source, targetOf(t, s.URL()), plan.Options{Verify: plan.VerifyFull})
	if err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatal("nothing was changed before the verification")
	}
	for _, x := range spoil {
		key := strings.Fields(x.command)[1]
		found := false
		for _, d := range report.Differences {
			found = found || d.Key == key && (strings.Contains(d.Reason, x.want) || strings.HasPrefix(x.command, "SET ") && d.Reason != "")
		}
		if !found {
			t.Errorf("%s was not found", x.command)
		}
	}
	if report.Differing != uint64(len(spoil)) {
		t.Errorf("%d keys differ: %v", report.Differing, report.Differences)
	}
}

// Connections that are cut at every place, in both directions, lose and double nothing.
func TestCutConnections(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	random := rand.New(rand.NewPCG(1, 2))
	for _, method := range []plan.Method{plan.Auto, plan.Commands} {
		empty(s)
		stop := make(chan struct{})
		var setting sync.WaitGroup
		setting.Go(func() { // each connection has another fate
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					toxic := redistest.Toxic{CutAfter: 600_000 + random.IntN(8_000_000)}
					if random.IntN(2) == 0 {
						toxic = redistest.Toxic{CutReply: 1000 + random.IntN(20_000)}
					}
					p.Set(toxic)
				}
			}
		})
		before := p.Cuts()
		var report *account.Report
		var err error
		for range 20 {
			report, err = Import(t.Context(), bytesSource("dump", m.data), targetOf(t, "redis://"+p.Addr), plan.Options{Method: method, Verify: plan.VerifyOff, Connections: 2})
			// One that is cut off while it still asks the target how it is has written nothing, and says so.
			if err != nil && s.Do("DBSIZE").(int64) == 0 {
				continue
			}
			// How often one is cut depends on how fast the machine is.
			if err != nil || p.Cuts()-before >= 2 {
				break
			}
			empty(s)
		}
		close(stop)
		setting.Wait()
		if err != nil {
			t.Fatal(err)
		}
		m.check(t, s, report)
		if p.Cuts()-before < 2 {
			t.Errorf("only %d connections were cut", p.Cuts()-before)
		}
		t.Logf("%v: %d connections were cut", method, p.Cuts()-before)
	}
}

// A slow line is made use of.
func TestSlowConnection(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	delay := 10 * time.Millisecond
	if testing.Short() {
		delay /= 4
	}
	p.Set(redistest.Toxic{Delay: delay})
	report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, "redis://"+p.Addr), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.check(t, s, report)
}

// When the target is killed and comes back with what its append-only file has, what it lost is written again.
func TestRestartedTarget(t *testing.T) {
	m := mixedDump(t)
	for _, tt := range []struct {
		name string
		aof  string
	}{{"append-only file", "yes"}, {"nothing", "no"}} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Start(t, "--appendonly", tt.aof)
			store := &confirmedStore{do: func() { s.Kill(); s.Run() }}
			report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{Checkpoint: store, Rate: 15 << 20})
			if err != nil {
				t.Fatal(err)
			}
			m.check(t, s, report)
			if len(report.Notes) == 0 || !strings.Contains(report.Notes[0], "restarted") {
				t.Errorf("notes %q", report.Notes)
			}
			if tt.aof == "no" && report.Repaired == 0 {
				t.Error("nothing was repaired, although all was lost")
			}
			if store.text != nil {
				t.Error("the checkpoint was left behind")
			}
			t.Logf("%d keys were rewritten", report.Repaired)
		})
	}
}

// A confirmedStore does something once the target has confirmed keys, and the checkpoint says so.
type confirmedStore struct {
	memoryStore
	once sync.Once
	do   func()
}

func (s *confirmedStore) Save(text []byte) error {
	var c struct{ Offset int64 }
	if err := json.Unmarshal(text, &c); err == nil && c.Offset > 0 {
		s.once.Do(s.do)
	}
	return s.memoryStore.Save(text)
}

// A failover by a Sentinel: the import goes on at the new master, which has everything afterwards.
func TestFailover(t *testing.T) {
	m := mixedDump(t)
	master := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	sentinel := redistest.StartSentinel(t, "shop", master)
	redistest.Until(t, "the sentinel knows the replica", func() bool {
		list, _ := sentinel.Do("SENTINEL", "replicas", "shop").([]any)
		return len(list) == 1 && strings.Contains(fmt.Sprint(list[0]), "master-link-status ok")
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		redistest.Until(t, "some keys are written", func() bool { return master.Do("DBSIZE").(int64) > 3000 })
		redistest.Until(t, "a failover begins", func() bool { _, err := sentinel.Try("SENTINEL", "failover", "shop"); return err == nil })
	}()
	report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, "redis+sentinel://"+sentinel.Addr()+"/shop"), plan.Options{Checkpoint: &memoryStore{}, Rate: 8 << 20})
	<-done
	if err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the replica is the master", func() bool { return fmt.Sprint(replica.Do("ROLE").([]any)[0]) == "master" })
	m.check(t, replica, report)
	if len(report.Notes) == 0 {
		t.Error("nothing is said about the failover")
	}
}

// Replicas that connect late, or again after a failover: the import waits, before the first write and later.
func TestLateReplicas(t *testing.T) {
	m := mixedDump(t)
	for _, o := range []plan.Options{
		{},
		{Method: plan.Replication},
		{Method: plan.Commands, Existing: plan.Flush, Confirm: func(string) error { return nil }, Connections: 1},
	} {
		s := redistest.Start(t, "--min-replicas-to-write", "1")
		waits := 0
		o.Checkpoint, o.Rate = &memoryStore{}, 10<<20
		o.Progress = func(p account.Progress) {
			if strings.Contains(p.Note, "NOREPLICAS") {
				waits++
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			required := func(n string) { s.Do("CONFIG", "SET", "min-replicas-to-write", n) }
			time.Sleep(300 * time.Millisecond)
			required("0")
			if o.Method == plan.Replication {
				return
			}
			redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 3000 })
			required("1")
			time.Sleep(300 * time.Millisecond)
			required("0")
		}()
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), o)
		<-done
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		m.check(t, s, report)
		if waits == 0 && o.Method != plan.Replication {
			t.Errorf("%+v: progress does not say that it waits", o)
		}
	}
}

// What stops an import says so, and --resume completes it.
func TestStopAndResume(t *testing.T) {
	m := mixedDump(t)
	other := redistest.Start(t)
	for _, tt := range []struct {
		name, want string
		args       []string
		opts       plan.Options
		during     func(s *redistest.Server) // when some keys are there
		after      func(s *redistest.Server) // before resuming
		fail       func(save int) error
		cancel     bool
	}{
		{
			name: "out of memory", want: "raise maxmemory", args: []string{"--maxmemory", "12mb"}, opts: plan.Options{IgnoreRoom: true},
			after: func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") },
		},
		{
			name: "made a replica", want: "the target is a replica",
			during: func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			after:  func(s *redistest.Server) { s.Do("REPLICAOF", "NO", "ONE") },
		},
		{
			name: "made a replica that loses all", want: "the target is a replica",
			during: func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", fmt.Sprint(other.Port)) },
			after: func(s *redistest.Server) {
				redistest.Until(t, "it has synchronised", func() bool { return s.Do("DBSIZE") == int64(0) })
				s.Do("REPLICAOF", "NO", "ONE")
				s.Kill() // which is how a pod's role changes; else nobody could tell
				s.Run()
			},
		},
		{
			name: "right taken away", want: "the user lacks permissions; ACL SETUSER NAME ~* +@all",
			during: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-restore") },
			after:  func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "+restore") },
		},
		{
			name: "too few replicas", want: "min-replicas-to-write", opts: plan.Options{Patience: 300 * time.Millisecond},
			during: func(s *redistest.Server) { s.Do("CONFIG", "SET", "min-replicas-to-write", "1") },
			after:  func(s *redistest.Server) { s.Do("CONFIG", "SET", "min-replicas-to-write", "0") },
		},
		{
			name: "gone", want: "the target was unreachable for", opts: plan.Options{Patience: 300 * time.Millisecond},
			during: func(s *redistest.Server) { s.Kill() },
			after:  func(s *redistest.Server) { s.Run() },
		},
		{
			name: "disk full", want: "cannot write the checkpoint: no space left on device; free some space",
			fail: func(save int) error {
				if save > 1 {
					return syscall.ENOSPC
				}
				return nil
			},
		},
		{name: "interrupted", want: "context canceled", cancel: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Start(t, tt.args...)
			store := &memoryStore{fail: tt.fail}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if tt.during == nil && !tt.cancel {
					return
				}
				redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 3000 })
				if tt.cancel {
					cancel()
				} else {
					tt.during(s)
				}
			}()
			opts := tt.opts
			opts.Checkpoint, opts.Rate = store, 10<<20
			report, err := Import(ctx, bytesSource("dump", m.data), targetOf(t, s.URL()), opts)
			<-done
			var stopped *Interrupted
			if !errors.As(err, &stopped) || !strings.Contains(err.Error(), tt.want) || !stopped.Resume {
				t.Fatalf("got %v, want %s and that it can be resumed", err, tt.want)
			}
			if report.Total.Written == 0 || report.Total.Written >= m.keys {
				t.Errorf("%d keys are said to be written", report.Total.Written)
			}
			if store.text == nil {
				t.Fatal("no checkpoint was written")
			}
			if len(store.text) > 4096 {
				t.Errorf("the checkpoint has %d bytes", len(store.text))
			}
			if tt.after != nil {
				tt.after(s)
			}
			store.fail = nil
			opts.Resume, opts.Rate, opts.Patience = true, 0, 0
			opts.Verify = plan.VerifyFull
			report, err = Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), opts)
			if err != nil {
				t.Fatal(err)
			}
			m.check(t, s, report)
			if store.text != nil {
				t.Error("the checkpoint was left behind")
			}
		})
	}
}
