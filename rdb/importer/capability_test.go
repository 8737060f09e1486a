package importer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// moduleValue is a key of a module that no server here has.
func moduleValue(t *testing.T, key, module string) rdb.Entry {
	t.Helper()
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	id := uint64(0)
	for _, c := range []byte(module) {
		id = id<<6 | uint64(strings.IndexByte(letters, c))
	}
	raw := binary.BigEndian.AppendUint64([]byte{0x81}, id<<10)
	raw = append(raw, 2, 7, 0) // an integer, then the end
	return rdb.Entry{Key: []byte(key), Type: rdb.TypeModule2, Raw: raw, Module: module}
}

// What a target would not survive, or cannot take, is refused by each method before the first byte.
func TestSamePreflight(t *testing.T) {
	fixed := func(e rdb.Entry) []byte { return dump10(t, text(0, "a"), e) }
	module := fixed(moduleValue(t, "m", "fakemodul"))
	vectors := fixed(moduleValue(t, "v", "vectorset"))
	id := binary.BigEndian.AppendUint64([]byte{0x81}, 0x1234567890abcd00)
	moduleAux := fixed(rdb.Entry{Kind: rdb.ModuleAuxEntry, Raw: append(id, 2, 1, 2, 7, 0)})
	function := func(code string) []byte { return fixed(rdb.Entry{Kind: rdb.FunctionEntry, Raw: []byte(code)}) }
	damaged := fixed(rdb.Entry{Key: []byte("h"), Type: rdb.TypeHashListpack, Raw: rdb.AppendString(nil, []byte("not a listpack"))})
	listpackSet := rdb.Entry{Key: []byte("s"), Type: rdb.TypeSetListpack, Raw: rdb.AppendString(nil, []byte{10, 0, 0, 0, 1, 0, 0x81, 'a', 2, 0xff})}
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 11)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&listpackSet); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lying := bytes.Replace(b.Bytes(), []byte("REDIS0011"), []byte("REDIS0010"), 1)
	clear(lying[len(lying)-8:]) // no checksum
	large := rdb.Entry{Key: []byte("large"), Type: rdb.TypeString, Raw: rdb.AppendString(nil, make([]byte, 2*plan.Split))}
	const set = "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n" // what an append-only file has after its dump
	const lib = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
	for _, tt := range []struct {
		name    string
		dump    []byte
		methods []plan.Method
		setup   func(*redistest.Server)
		args    []string
		opts    plan.Options
		code    string
		want    string // "" for none
	}{
		{name: "module", dump: module, methods: []plan.Method{plan.Auto, plan.Restore, plan.Commands, plan.Replication}, code: "modules", want: `module "fakemodul", which the target lacks`},
		{name: "vector set", dump: vectors, methods: []plan.Method{plan.Auto, plan.Restore, plan.Commands, plan.Replication}, code: "modules", want: "import into Redis 8.0 or later"},
		{name: "two modules", dump: dump10(t, moduleValue(t, "m", "fakemodul"), moduleValue(t, "n", "othermodu")), methods: []plan.Method{plan.Auto, plan.Replication}, code: "modules", want: `"othermodu"`},
		{name: "module data outside of keys", dump: moduleAux, methods: []plan.Method{plan.Replication}, code: "modules", want: "does not have (MODULE LIST), and a server without it exits"},
		{name: "a type newer than the dump says", dump: lying, methods: []plan.Method{plan.Replication}, code: "types", want: "does not support the encoding"},
		{name: "a damaged value", dump: damaged, methods: []plan.Method{plan.Replication}, code: "dump", want: "a server that loads the dump exits there"},
		{name: "a key twice", dump: dump10(t, text(0, "a"), text(0, "a")), methods: []plan.Method{plan.Replication}, code: "dump", want: "duplicate key"},
		{name: "a large key twice", dump: dump10(t, large, large), methods: []plan.Method{plan.Replication}, code: "dump", want: "duplicate key"},
		{name: "a key twice before commands", dump: append(dump10(t, text(0, "a"), text(0, "a")), set...), methods: []plan.Method{plan.Auto, plan.Replication}, code: "dump", want: "duplicate key"},
		{name: "a damaged value before commands", dump: append(bytes.Clone(damaged), set...), methods: []plan.Method{plan.Auto, plan.Replication}, code: "dump", want: "a server that loads the dump exits there"},
		{name: "a library of the same name", dump: function(lib), methods: []plan.Method{plan.Auto, plan.Commands}, setup: func(s *redistest.Server) { s.Do("FUNCTION", "LOAD", lib) },
			code: "functions", want: `already has a function library "lib"`},
		{name: "a library of the same name, replaced", dump: function(lib), methods: []plan.Method{plan.Auto}, setup: func(s *redistest.Server) { s.Do("FUNCTION", "LOAD", lib) }, opts: plan.Options{Existing: plan.Replace}},
		{name: "a function of the same name", dump: function(strings.Replace(lib, "name=lib", "name=new", 1)), methods: []plan.Method{plan.Auto},
			setup: func(s *redistest.Server) { s.Do("FUNCTION", "LOAD", lib) }, code: "functions", want: `registers "one", which already exists in library "lib"`},
		{name: "another engine", dump: function("#!js name=lib\nredis.register('one')"), methods: []plan.Method{plan.Auto, plan.Replication}, code: "functions", want: `requires the engine "js", which the target lacks`},
		{name: "RESTORE is renamed", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Auto, plan.Commands, plan.Replication}, args: []string{"--rename-command", "RESTORE", "hidden"}},
		{name: "RESTORE is disabled", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Restore}, args: []string{"--rename-command", "RESTORE", ""}, code: "target", want: "has no RESTORE command"},
		{name: "RESTORE is disabled, module", dump: module, methods: []plan.Method{plan.Auto, plan.Commands}, args: []string{"--rename-command", "RESTORE", ""}, code: "modules", want: "and can only be written with RESTORE, which the target does"},
		{name: "RPUSH is disabled", dump: dump10(t, rdb.Entry{Key: []byte("l"), Type: rdb.TypeList, Raw: []byte{1, 1, 'a'}}), methods: []plan.Method{plan.Commands},
			args: []string{"--rename-command", "RPUSH", ""}, code: "rights", want: "has no RPUSH command"},
		{name: "no right to SADD", dump: dump10(t, rdb.Entry{Key: []byte("s"), Type: rdb.TypeSet, Raw: []byte{1, 1, 'a'}}), methods: []plan.Method{plan.Commands},
			setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-sadd") }, code: "rights", want: "the user has no permission to run SADD, which the import requires; grant +sadd"},
		{name: "no right to FLUSHDB", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Auto}, opts: plan.Options{Existing: plan.Flush},
			setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-flushdb") }, code: "rights", want: "the user has no permission to run FLUSHDB, which the import requires; grant +flushdb"},
		{name: "DUMP is disabled", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Auto}, args: []string{"--rename-command", "DUMP", ""}},
		{name: "SLAVEOF only", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Replication}, args: []string{"--rename-command", "REPLICAOF", ""}},
		{name: "no right to REPLICAOF", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Replication},
			setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-replicaof", "-slaveof") }, code: "rights", want: "the user has no permission to run REPLICAOF or SLAVEOF, which the import requires; grant +replicaof"},
		{name: "no right to REPLICAOF, commands", dump: append(dump10(t, text(0, "a")), set...), methods: []plan.Method{plan.Auto},
			setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-replicaof", "-slaveof") }, code: "rights", want: "the user has no permission to run REPLICAOF or SLAVEOF"},
		{name: "no right to CONFIG SET", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Replication},
			setup: func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-config|set") }, code: "rights", want: "the user has no permission to run CONFIG SET, which the import requires; grant +config|set"},
		{name: "CONFIG is disabled", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Replication}, args: []string{"--rename-command", "CONFIG", ""}, code: "rights", want: "the target has no CONFIG command"},
		{name: "neither", dump: dump10(t, text(0, "a")), methods: []plan.Method{plan.Replication}, args: []string{"--rename-command", "REPLICAOF", "", "--rename-command", "SLAVEOF", ""},
			code: "rights", want: "the target has no REPLICAOF or SLAVEOF command (renamed or"},
	} {
		for _, method := range tt.methods {
			t.Run(fmt.Sprint(tt.name, " ", method), func(t *testing.T) {
				s := redistest.Start(t, tt.args...)
				if tt.setup != nil {
					tt.setup(s)
				}
				pid := s.Do("INFO", "server").(string)
				pid = redis.ParseInfo(pid)["run_id"]
				o := tt.opts
				o.Method = method
				report, err := Import(t.Context(), bytesSource("dump", tt.dump), targetOf(t, s.URL()), o)
				if tt.want == "" {
					if err != nil || report.Failed() > 0 || s.Do("GET", "a") != "value" {
						t.Fatalf("%v, %+v, %v", err, report, report.Differences)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s; %+v", err, tt.want, report.Total)
				}
				if len(report.Refusals) == 0 || report.Refusals[0].Code != tt.code {
					t.Errorf("refusals %+v, want code %s", report.Refusals, tt.code)
				}
				if now := redis.ParseInfo(s.Do("INFO", "server").(string))["run_id"]; now != pid {
					t.Error("the target was ended")
				}
				if n := s.Do("DBSIZE"); n != int64(0) {
					t.Errorf("%v keys were written", n)
				}
			})
		}
	}
}

// A live source that the target cannot take is noticed at once, not key by key.
func TestLiveDecidesUpFront(t *testing.T) {
	hashTTL := rdb.Entry{Key: []byte("h"), Type: rdb.TypeHashTTL, Raw: append(binary.LittleEndian.AppendUint64(nil, 1), 1, 0, 1, 'f', 1, 'v')}
	for _, tt := range []struct {
		name string
		dump []byte
		live *plan.Live
		opts plan.Options
		want string
	}{
		{"fields that expire", dumpOf(t, text(0, "a"), hashTTL), &plan.Live{FieldTTL: true}, plan.Options{}, "hashes with field expiry"},
		{"fields that expire, found late", dumpOf(t, text(0, "a"), hashTTL, text(0, "b")), &plan.Live{}, plan.Options{}, `key "h"`},
		{"a module, found late", dump10(t, text(0, "a"), moduleValue(t, "m", "fakemodul"), text(0, "b")), &plan.Live{}, plan.Options{}, `belongs to module "fakemodul", which the target lacks`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Start(t)
			src := bytesSource("live", tt.dump)
			src.Once, src.Live = true, tt.live
			report, err := Import(t.Context(), src, targetOf(t, s.URL()), tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s; %+v", err, tt.want, report.Total)
			}
		})
	}
}

// A target is not emptied to be filled from itself, or from its replica.
func TestNotItself(t *testing.T) {
	s := redistest.Start(t)
	info := redis.ParseInfo(s.Do("INFO").(string))
	for _, id := range []string{info["run_id"], info["master_replid"]} {
		src := bytesSource("live", dump10(t, text(0, "a")))
		src.Once, src.Live = true, &plan.Live{IDs: []string{"x", id}}
		_, err := Import(t.Context(), src, targetOf(t, s.URL()), plan.Options{Existing: plan.Flush, Confirm: func(string) error { return nil }})
		if err == nil || !strings.Contains(err.Error(), "source and target are the same server") {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A target without run_id is taken only by name, and then every key is looked for.
func TestNoRunID(t *testing.T) {
	s := redistest.Start(t, "--rename-command", "INFO", "")
	data := dump10(t, plainKeys(100, 10)...)
	_, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{})
	if err == nil {
		t.Error("it was taken")
	}
	report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{Anonymous: true})
	if err != nil || report.Failed() > 0 || report.Total.Written != 100 || s.Do("DBSIZE") != int64(100) {
		t.Errorf("%v, %+v, %q", err, report, report.Doubts)
	}
}

// Values are compared element by element where the target has no DUMP.
func TestVerifyWithoutDump(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t, "--rename-command", "DUMP", "")
	for _, verify := range []plan.Verify{plan.VerifySample, plan.VerifyFull} {
		empty(s)
		store := &spoiler{do: func() { s.Do("SET", "app:cache:17", "other") }, when: func() bool { return verify == plan.VerifyFull && s.Do("DBSIZE") == int64(m.keys) }}
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, s.URL()), plan.Options{Verify: verify, Checkpoint: store})
		if err != nil || report.Verified == 0 {
			t.Fatalf("%v, %+v", err, report)
		}
		if want := map[plan.Verify]uint64{plan.VerifySample: 0, plan.VerifyFull: 1}[verify]; report.Differing != want {
			t.Errorf("%v: %d differ: %v", verify, report.Differing, report.Differences)
		}
	}
}

// Strings are compared by GET; where the user may not call it, or the key has become another type, by DUMP.
func TestVerifyStrings(t *testing.T) {
	m := mixedDump(t)
	s := redistest.Start(t)
	for _, denied := range []string{"", "-get"} {
		empty(s)
		spoil := func() {
			for i, n := 0, 0; n < 3; i++ {
				key := fmt.Sprint("app:cache:", i)
				if s.Do("TYPE", key) != "string" {
					continue
				}
				if n++; n == 1 {
					s.Do("SET", key, "other", "KEEPTTL")
					continue
				}
				s.Do("DEL", key)
				s.Do("SADD", key, "member")
			}
			s.Do("CONFIG", "RESETSTAT")
		}
		store := &spoiler{do: spoil, when: func() bool { return s.Do("DBSIZE") == int64(m.keys) }}
		report, err := Import(t.Context(), bytesSource("dump", m.data), targetOf(t, restrict(s, denied)), plan.Options{Verify: plan.VerifyFull, Checkpoint: store})
		if err != nil || report.Verified < uint64(m.keys) || report.Differing != 3 {
			t.Fatalf("%q: %v, %d compared, %v", denied, err, report.Verified, report.Differences)
		}
		for i, want := range []string{"has a different value", "is a set, expected a string", "is a set, expected a string"} {
			if d := report.Differences[i]; d.Reason != want {
				t.Errorf("%q: %s %s, want %s", denied, d.Key, d.Reason, want)
			}
		}
		if stats := fmt.Sprint(s.Do("INFO", "commandstats")); denied == "" && !strings.Contains(stats, "cmdstat_get:") {
			t.Errorf("no GET: %s", stats)
		}
	}
}

// What plain commands lose is named.
func TestLossesAreNamed(t *testing.T) {
	freq, idle := text(0, "f"), text(0, "i")
	freq.Freq, freq.HasFreq = 200, true
	idle.Idle, idle.HasIdle = 5000, true
	data := dump10(t, freq, idle)
	for _, method := range []plan.Method{plan.Auto, plan.Commands} {
		s := redistest.Start(t)
		report, err := Import(t.Context(), bytesSource("dump", data), targetOf(t, s.URL()), plan.Options{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		notes := fmt.Sprint(report.Notes)
		if named := strings.Contains(notes, "(LFU)") && strings.Contains(notes, "(LRU)"); named != (method == plan.Commands) {
			t.Errorf("%v: %s", method, notes)
		}
	}
}
