package importer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// dumpOf writes entries.
func dumpOf(t *testing.T, entries ...rdb.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 12)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(db int, key string) rdb.Entry {
	return rdb.Entry{DB: db, Key: []byte(key), Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("value"))}
}

// All that is wrong is told at once, before anything is written.
func TestPreflight(t *testing.T) {
	hashTTL := rdb.Entry{Key: []byte("h"), Type: rdb.TypeHashTTL, Raw: append(binary.LittleEndian.AppendUint64(nil, 1), 1, 0, 1, 'f', 1, 'v')}
	aux := rdb.Entry{Kind: rdb.AuxEntry, Key: []byte("used-mem"), Raw: []byte("900000000")}
	many := make([]rdb.Entry, 0, 3000)
	for i := range 3000 {
		e := text(0, strconv.Itoa(i))
		e.Raw = rdb.AppendString(nil, bytes.Repeat([]byte("x"), 2000))
		many = append(many, e)
	}
	for _, tt := range []struct {
		name  string
		dump  []byte
		args  []string
		setup func(*redistest.Server)
		opts  plan.Options
		want  []string
	}{
		{name: "keys, databases, types", dump: dumpOf(t, text(0, "a"), text(3, "b"), text(99, "c"), hashTTL),
			setup: func(s *redistest.Server) { s.Do("SET", "x", "y"); s.Do("SELECT", "3"); s.Do("SET", "x", "y") },
			want: []string{"database 0 of the target already contains 1 key;", "database 3 of the target already contains 1 key;", "no database 99; raise its databases setting, or use --map-db 99:0",
				"1 key is of type hash (hash table with field expiry)"}},
		{name: "replica", dump: dumpOf(t, text(0, "a")), args: []string{"--replicaof", "127.0.0.1", "1"}, want: []string{"the target is a replica; use its master, or Sentinel"}},
		{name: "no room", dump: dumpOf(t, append([]rdb.Entry{aux}, many...)...), args: []string{"--maxmemory", "5mb"}, want: []string{"writes would fail; raise maxmemory"}},
		{name: "room by eviction", dump: dumpOf(t, many...), args: []string{"--maxmemory", "5mb", "--maxmemory-policy", "allkeys-lru"}, want: []string{"keys would be evicted (maxmemory-policy allkeys-lru)"}},
		{name: "no right to restore", dump: dumpOf(t, text(0, "a")), setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-restore") }, want: []string{"the user lacks permissions; ACL SETUSER NAME ~* +@all"}},
		{name: "no right to dump", dump: dumpOf(t, text(0, "a")), setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-dump") }, want: []string{": verification requires DUMP permission; grant it, or use"}},
		{name: "damaged and occupied", dump: []byte("REDIS0010\xfe\x00"), want: []string{"unexpected end of data"}},
		{name: "resume without a checkpoint", dump: dumpOf(t, text(0, "a")), opts: plan.Options{Resume: true, Checkpoint: &memoryStore{}}, want: []string{"no checkpoint to resume from"}},
		{name: "resume with a checkpoint of another", dump: dumpOf(t, text(0, "a")),
			opts: plan.Options{Resume: true, Checkpoint: &memoryStore{text: []byte(`{"format":1,"size":5}`)}}, want: []string{"bytes); resume with that dump, or remove the checkpoint"}},
		{name: "replication", dump: dumpOf(t, text(0, "a")), setup: func(s *redistest.Server) { s.Do("SET", "x", "y") },
			opts: plan.Options{Method: plan.Replication, Filter: rdb.Filter{Match: []string{"a*"}}},
			want: []string{"to filter or change keys", "database 0 of the target has 1 key, which would all", "cannot load a dump of RDB version 12"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Start(t, tt.args...)
			if tt.setup != nil {
				tt.setup(s)
			}
			before := fmt.Sprint(s.Do("DEBUG", "DIGEST"), s.Do("INFO", "keyspace"))
			_, err := Import(t.Context(), bytesSource("dump", tt.dump), targetOf(t, s.URL()), tt.opts)
			problems := finding.All(err)
			if len(problems) != len(tt.want) {
				t.Errorf("%d problems, want %d: %v", len(problems), len(tt.want), err)
			}
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			if after := fmt.Sprint(s.Do("DEBUG", "DIGEST"), s.Do("INFO", "keyspace")); after != before {
				t.Errorf("the target has changed: %s, before %s", after, before)
			}
		})
	}
}

// A Sentinel is no target.
func TestSentinelAsTarget(t *testing.T) {
	sentinel := redistest.StartSentinel(t, "shop", redistest.Start(t))
	_, err := Import(t.Context(), bytesSource("dump", dumpOf(t, text(0, "a"))), targetOf(t, sentinel.URL()), plan.Options{})
	if err == nil || !strings.Contains(err.Error(), "redis+sentinel://") {
		t.Errorf("got %v", err)
	}
}

// Filters, databases and expiries are those that were asked for.
func TestChoices(t *testing.T) {
	soon := text(1, "b:soon")
	soon.Expiry = time.Now().Add(time.Hour).UnixMilli()
	gone := text(0, "a:gone")
	gone.Expiry = 1000
	idle := text(0, "a:idle")
	idle.Idle, idle.HasIdle = 5000, true
	dump := dumpOf(t, text(0, "a:1"), gone, idle, text(0, "other"), soon)
	s := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	report, err := Import(t.Context(), bytesSource("dump", dump), targetOf(t, s.URL()), plan.Options{
		Filter: rdb.Filter{Match: []string{"a:*", "b:*"}, MapDB: map[int]int{1: 7}}, Verify: plan.VerifyOff})
	if err != nil || report.Failed() > 0 {
		t.Fatal(err, report)
	}
	want := []account.Row{
		{DB: 0, Type: "string", Counts: account.Counts{Read: 4, Written: 2, Expired: 1, Filtered: 1, Bytes: 12, Lasting: 2}},
		{DB: 7, Type: "string", Counts: account.Counts{Read: 1, Written: 1, Bytes: 6}},
	}
	if fmt.Sprint(report.Rows) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", report.Rows, want)
	}
	if n := s.Do("OBJECT", "IDLETIME", "a:idle"); n.(int64) < 5000 {
		t.Errorf("idle for %v s", n)
	}
	s.Do("SELECT", "7")
	if at := s.Do("PEXPIRETIME", "b:soon"); at != soon.Expiry {
		t.Errorf("expires at %v, want %d", at, soon.Expiry)
	}
}

// No command keeps the target busy for long, however large a value is.
func TestLargeValues(t *testing.T) {
	const members = 400_000
	raw := rdb.AppendLength(nil, members)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range members {
		raw = rdb.AppendString(raw, strconv.AppendInt(nil, int64(i), 10))
		raw = binary.LittleEndian.AppendUint64(raw, random.Uint64()>>2)
	}
	e := rdb.Entry{Key: []byte("zset"), Type: rdb.TypeZSet2, Raw: raw}
	s := redistest.Start(t, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000")
	longest := func() (us int64) {
		list, _ := s.Do("SLOWLOG", "GET", "-1").([]any)
		for _, item := range list {
			us = max(us, item.([]any)[2].(int64))
		}
		s.Do("SLOWLOG", "RESET")
		return us
	}
	report, err := Import(t.Context(), bytesSource("dump", dumpOf(t, e)), targetOf(t, s.URL()), plan.Options{Verify: plan.VerifyOff})
	if err != nil || report.Total.Written != 1 || s.Do("ZCARD", "zset") != int64(members) {
		t.Fatal(err, report.Total)
	}
	inPieces := longest()
	s.Do("DEL", "zset")
	s.Do("SLOWLOG", "RESET")
	payload, err := rdb.AppendDump(nil, &e, 10)
	if err != nil {
		t.Fatal(err)
	}
	s.Do("RESTORE", "zset", "0", string(payload))
	whole := longest()
	t.Logf("the longest command takes %d us; RESTORE of it all %d us", inPieces, whole)
	// On a machine that is busy with other things even a short command may take long.
	if inPieces > 100_000 && inPieces > whole/4 {
		t.Error("a command keeps the target busy for too long")
	}
}

// The import waits for a replica that cannot follow, and the target never drops it.
func TestReplicaLag(t *testing.T) {
	s := redistest.Start(t, "--client-output-buffer-limit", "replica 64mb 64mb 1", "--repl-timeout", "300")
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(s.Port))
	redistest.Until(t, "the replica is online", func() bool {
		info, _ := s.Do("INFO", "replication").(string)
		return strings.Contains(info, "state=online")
	})
	var entries []rdb.Entry
	value := rdb.AppendString(nil, bytes.Repeat([]byte("v"), 100_000))
	for i := range 1500 {
		e := text(0, strconv.Itoa(i))
		e.Raw = value
		entries = append(entries, e)
	}
	dump := dumpOf(t, entries...)
	replica.Signal(syscall.SIGSTOP)
	var waited atomic.Bool
	var once sync.Once
	report, err := Import(t.Context(), bytesSource("dump", dump), targetOf(t, s.URL()), plan.Options{Verify: plan.VerifyOff, Rate: 60 << 20, Progress: func(p account.Progress) {
		if strings.Contains(p.Note, "waiting for replica") {
			once.Do(func() {
				waited.Store(true)
				replica.Signal(syscall.SIGCONT)
			})
		}
	}})
	if err != nil || report.Total.Written != uint64(len(entries)) {
		t.Fatal(err, report.Total)
	}
	if !waited.Load() {
		t.Error("it did not wait for the replica")
	}
	redistest.Until(t, "the replica has all", func() bool { n, err := replica.Try("DBSIZE"); return err == nil && n == int64(len(entries)) })
	stats, _ := s.Do("INFO", "stats").(string)
	if !strings.Contains(stats, "sync_full:1\r") {
		t.Errorf("the replica was dropped: %s", stats)
	}
}

// A cluster gets each key at the node of its slot, also while slots move.
func TestCluster(t *testing.T) {
	var nodes []*redistest.Server
	for range 3 {
		nodes = append(nodes, redistest.Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000"))
	}
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.Do("CLUSTER", "MYID").(string)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		n.Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(server.SlotCount*i/3), fmt.Sprint(server.SlotCount*(i+1)/3-1))
		n.Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(nodes[0].Port))
	}
	redistest.Until(t, "the cluster is up", func() bool {
		for _, n := range nodes {
			info, _ := n.Do("CLUSTER", "INFO").(string)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return false
			}
		}
		return true
	})
	m := mixedDump(t)
	// While the import runs, some slots go from the first node to the second.
	move := func() {
		for slot := range 40 {
			text := fmt.Sprint(slot)
			nodes[1].Do("CLUSTER", "SETSLOT", text, "IMPORTING", ids[0])
			nodes[0].Do("CLUSTER", "SETSLOT", text, "MIGRATING", ids[1])
			for {
				keys, _ := nodes[0].Do("CLUSTER", "GETKEYSINSLOT", text, "100").([]any)
				if len(keys) == 0 {
					break
				}
				for _, k := range keys {
					nodes[0].Do("MIGRATE", "127.0.0.1", fmt.Sprint(nodes[1].Port), k.(string), "0", "5000")
				}
			}
			// A key may come between the two; then the first node keeps the slot for now.
			nodes[1].Do("CLUSTER", "SETSLOT", text, "NODE", ids[1])
			if _, err := nodes[0].Try("CLUSTER", "SETSLOT", text, "NODE", ids[1]); err != nil {
				t.Errorf("slot %d: %v", slot, err)
			}
		}
	}
	for _, method := range []plan.Method{plan.Auto, plan.Commands} {
		for _, n := range nodes {
			n.Do("FLUSHALL")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if method != plan.Auto {
				return
			}
			redistest.Until(t, "some keys are written", func() bool { return nodes[0].Do("DBSIZE").(int64) > 300 })
			move()
		}()
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, nodes[2].URL()), plan.Options{Method: method, Verify: plan.VerifyFull, Rate: 8 << 20})
		<-done
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, n := range nodes {
			sum += n.Do("DBSIZE").(int64)
		}
		if report.Total.Written != m.keys || report.Failed() != 0 || sum != int64(m.keys) || report.Verified != m.keys {
			t.Errorf("%v: %+v, %d keys in all nodes, %d compared, %v %v", method, report.Total, sum, report.Verified, report.Failures, report.Differences)
		}
	}
	if _, err := Import(t.Context(), bytesSource("dump", dumpOf(t, text(3, "a"))), targetOf(t, nodes[0].URL()), plan.Options{Existing: plan.Replace}); err == nil || !strings.Contains(err.Error(), ", but a cluster only has database 0; choose one with --db,") {
		t.Errorf("another database: %v", err)
	}
}

// A live source is written as it arrives; connections to the target may break.
func TestOnce(t *testing.T) {
	data, err := mixedOnce()
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := rdbmix.Write(&small, 8000); err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	once := func(data []byte) plan.Source {
		src := bytesSource("live", data)
		open, opened := src.Open, false
		src.Once, src.Open = true, func(ctx context.Context, offset int64) (io.ReadCloser, error) {
			if opened || offset != 0 {
				t.Error("it is read a second time")
			}
			opened = true
			return open(ctx, offset)
		}
		return src
	}
	report, err := Import(t.Context(), once(data), targetOf(t, s.URL()), plan.Options{})
	if err != nil || report.Total.Written != mixedKeys || report.Failed() != 0 {
		t.Fatal(err, report.Total, report.Failures)
	}
	want := redistest.StartDump(t, small.Bytes()).Do("DEBUG", "DIGEST")
	s.Do("FLUSHALL")
	p.Set(redistest.Toxic{CutAfter: 300_000})
	report, err = Import(t.Context(), once(small.Bytes()), targetOf(t, "redis://"+p.Addr), plan.Options{Verify: plan.VerifyOff})
	if err != nil || report.Total.Written != 8000 || s.Do("DEBUG", "DIGEST") != want || p.Cuts() < 3 {
		t.Error(err, report.Total, p.Cuts())
	}
}
