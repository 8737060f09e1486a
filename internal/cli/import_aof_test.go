package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A workload writes what applications write, at random, over one connection.
type workload struct {
	t      *testing.T
	conn   *redis.Conn
	random *rand.Rand
}

func newWorkload(t *testing.T, s *redistest.Server, seed uint64) *workload {
	t.Helper()
	target, err := redis.ParseTarget(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := target.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &workload{t: t, conn: conn, random: rand.New(rand.NewPCG(seed, 7))}
}

// do sends a command. That it is refused (a key of another type) is a part of the workload.
func (w *workload) do(args ...string) {
	w.t.Helper()
	if _, err := w.conn.Do(w.t.Context(), args...); err != nil && redis.Code(err) == "" {
		w.t.Fatal(err)
	}
}

func (w *workload) key(kind string) string { return fmt.Sprintf("%s:%d", kind, w.random.IntN(40)) }

func (w *workload) value() string {
	b := make([]byte, w.random.IntN(200))
	for i := range b {
		b[i] = byte(w.random.Uint32()) // also line ends and zero bytes
	}
	return string(b)
}

func (w *workload) n(n int) string { return strconv.Itoa(w.random.IntN(n)) }

func (w *workload) run(ops int) {
	steps := []func(){
		func() { w.do("SELECT", w.n(4)) },
		func() { w.do("SET", w.key("s"), w.value()) },
		func() { w.do("SET", w.key("s"), w.value(), "EX", "1000") },
		func() { w.do("INCRBY", w.key("i"), w.n(1000)) },
		func() { w.do("APPEND", w.key("s"), w.value()) },
		func() { w.do("SETRANGE", w.key("s"), w.n(300), w.value()) },
		func() { w.do("BITFIELD", w.key("b"), "SET", "u8", w.n(100), w.n(255)) },
		func() { w.do("RPUSH", w.key("l"), w.value(), w.n(9), w.value()) },
		func() { w.do("LPOP", w.key("l")) },
		func() { w.do("LMOVE", w.key("l"), w.key("l"), "LEFT", "RIGHT") },
		func() { w.do("LTRIM", w.key("l"), "0", "20") },
		func() { w.do("SADD", w.key("set"), w.n(50), w.value()) },
		func() { w.do("SPOP", w.key("set")) },
		func() { w.do("SUNIONSTORE", w.key("set"), w.key("set"), w.key("set")) },
		func() { w.do("HSET", w.key("h"), w.n(50), w.value(), "f"+w.n(9), w.n(99)) },
		func() { w.do("HINCRBYFLOAT", w.key("h"), "f"+w.n(9), "0.1") },
		func() { w.do("HDEL", w.key("h"), w.n(50)) },
		func() { w.do("ZADD", w.key("z"), w.n(1000), w.value(), "-1.5", w.n(30)) },
		func() { w.do("ZINCRBY", w.key("z"), "0.3", w.n(30)) },
		func() { w.do("ZPOPMIN", w.key("z")) },
		func() { w.do("GEOADD", w.key("g"), "13.3", "38.1", w.n(9)) },
		func() { w.do("PFADD", w.key("p"), w.value()) },
		func() { w.do("XADD", w.key("x"), "*", "f", w.value()) },
		func() { w.do("XGROUP", "CREATE", w.key("x"), "g"+w.n(2), "0", "MKSTREAM") },
		func() {
			w.do("XREADGROUP", "GROUP", "g"+w.n(2), "c"+w.n(3), "COUNT", "3", "STREAMS", w.key("x"), ">")
		},
		func() { w.do("XTRIM", w.key("x"), "MAXLEN", "5") },
		func() { w.do("EXPIRE", w.key("h"), "5000") },
		func() { w.do("PERSIST", w.key("h")) },
		func() { w.do("GETEX", w.key("s"), "PX", "900000") },
		func() { w.do("RENAME", w.key("s"), w.key("s")) },
		func() { w.do("COPY", w.key("l"), w.key("l"), "REPLACE") },
		func() { w.do("MOVE", w.key("z"), w.n(4)) },
		func() { w.do("DEL", w.key("s"), w.key("l")) },
		func() { w.do("UNLINK", w.key("set")) },
		func() {
			w.do("EVAL", "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('INCR', KEYS[2])", "2", w.key("s"), w.key("i"), w.value())
		},
		func() {
			w.do("MULTI")
			w.do("RPUSH", w.key("l"), "a")
			w.do("SELECT", w.n(4))
			w.do("INCR", w.key("i"))
			w.do("EXEC")
		},
		func() { w.do("SORT", w.key("set"), "ALPHA", "STORE", w.key("l")) },
	}
	for range ops {
		steps[w.random.IntN(len(steps))]()
	}
}

// appendOnly runs a server with an append-only file through a workload and gives its directory after its end, and its data.
func appendOnly(t *testing.T, seed uint64, rewrite bool, args ...string) (dir string, want string) {
	t.Helper()
	s := redistest.Start(t, append([]string{"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"}, args...)...)
	w := newWorkload(t, s, seed)
	// An expiry that passes, after it was taken away or put off: by then the commands before must not delete the key.
	w.do("SET", "kept", "v", "PX", "300")
	w.do("PERSIST", "kept")
	w.do("SET", "session", "v", "PX", "300")
	w.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
	w.run(700)
	if rewrite {
		w.do("BGREWRITEAOF")
		redistest.Until(t, "the file is rewritten", func() bool {
			info, _ := s.Do("INFO", "persistence").(string)
			return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
		})
	}
	w.do("SELECT", "0")
	w.do("PEXPIRE", "session", "100000000")
	w.run(700)
	w.do("FUNCTION", "LOAD", "REPLACE", "#!lua name=l\nredis.register_function('f', function() return 2 end)")
	if rewrite {
		time.Sleep(350 * time.Millisecond)
	}
	want = state(s)
	s.Kill()
	return s.Dir, want
}

// state is all data of a server.
func state(s *redistest.Server) string {
	return fmt.Sprint(s.Do("DEBUG", "DIGEST"), s.Do("FUNCTION", "DUMP"), s.Do("EXISTS", "kept", "session"))
}

// single makes of the files of a directory the one that a server before 7.0 has.
func single(t *testing.T, dir string) string {
	t.Helper()
	var all []byte
	for _, pattern := range []string{"*.base.*", "*.incr.aof"} {
		files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", pattern))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	file := filepath.Join(t.TempDir(), "appendonly.aof")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is imported is what the server had, whatever the layout of its append-only file.
func TestImportAppendOnly(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		name    string
		rewrite bool
		args    []string
	}{
		{"dump and commands", true, nil},
		{"commands alone", true, []string{"--aof-use-rdb-preamble", "no"}},
		{"empty dump and commands", false, nil},
		{"annotations", false, []string{"--aof-timestamp-enabled", "yes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, want := appendOnly(t, uint64(i), tt.rewrite, tt.args...)
			one := single(t, dir)
			sources := []string{filepath.Join(dir, "appendonlydir"), dir, filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"), one, "-"}
			for k, from := range sources {
				if k > 1 && i > 1 {
					continue // the same for every content
				}
				target := redistest.Start(t)
				var stdin []byte
				if from == "-" {
					var err error
					if stdin, err = os.ReadFile(one); err != nil {
						t.Fatal(err)
					}
				}
				out, errs, code := toolIn(t, stdin, "import", from, target.URL(), "--progress", "none")
				if code != 0 || !strings.Contains(out, "commands replayed, 0 refused") {
					t.Fatalf("%s: exit code %d\n%s%s", from, code, out, errs)
				}
				if got := state(target); got != want {
					t.Errorf("%s: the target has\n%s, the source had\n%s", from, got, want)
				}
				if role := fmt.Sprint(target.Do("ROLE")); !strings.HasPrefix(role, "[master") {
					t.Error(role)
				}
			}
			// The same by hand.
			s := serveDump(t, nil, one, "--once")
			replica := redistest.Start(t)
			replica.Do("REPLICAOF", "127.0.0.1", s.port)
			s.until(": dump loaded; on the server, run REPLICAOF NO ONE")
			if got := state(replica); got != want {
				t.Errorf("served: the replica has\n%s, the source had\n%s", got, want)
			}
			for _, command := range [][]string{{"info", one}, {"info", dir}, {"filter", one, "-", "--db", "0"}, {"convert", dir, filepath.Join(t.TempDir(), "x.rdb"), "--to-version", "7.2"}} {
				_, errs, code := tool(t, nil, append([]string{"rdb"}, command...)...)
				if code != 2 || !strings.Contains(errs, "commands of an append-only file") {
					t.Errorf("rdb %s: exit code %d: %s", strings.Join(command, " "), code, errs)
				}
			}
			for _, from := range []string{one, dir} {
				if out, errs, code := tool(t, nil, "rdb", "verify", from); code != 0 || !strings.Contains(out, "commands of an append-only file (") {
					t.Errorf("verify: exit code %d: %s%s", code, out, errs)
				}
			}
		})
	}
}

const twoCommands = "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\n3\r\n"

// What cannot be replayed is refused before the target is touched, with the count and with what to do.
func TestAppendOnlyRefused(t *testing.T) {
	target := redistest.Start(t)
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "appendonly.aof")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	preamble := "REDIS0009\xfe\x00\x00\x01a\x011\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, tt := range []struct {
		name, text string
		args       []string
		want       string
	}{
		{"RESTORE", preamble + twoCommands, []string{"--method", "restore"}, "2 commands of an append-only file, which can only be replayed with --method replication"},
		{"commands", twoCommands, []string{"--method", "commands"}, "2 commands of an append-only file"},
		{"a filter", preamble + twoCommands, []string{"--match", "a*"}, "import from that server"},
		{"unknown command", preamble + "*2\r\n$7\r\nNONSUCH\r\n$1\r\na\r\n", nil, "does not support NONSUCH (1) of the append-only file"},
		{"command for the server", twoCommands + "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$4\r\n/tmp\r\n", nil, `offset 54: command "config", which servers never write`},
		{"damage in the middle", preamble + "*3\r\n$3\r\nSET\r\n$99999\r\nb\r\n$1\r\n2\r\n" + twoCommands, nil, "damaged length in this command: it extends past the end of"},
		{"line ends", strings.ReplaceAll(twoCommands, "\r\n", "\n"), nil, "does not end with CRLF"},
		{"another dump", preamble + preamble, nil, `25 bytes of trailing data after the end of the dump (another dump that starts with "REDIS0009")`},
		{"zero bytes", preamble + twoCommands + "\x00\x00\x00", nil, "unexpected zero bytes, probably from a machine crash"},
	} {
		out, errs, code := tool(t, nil, append([]string{"import", file(tt.text), target.URL()}, tt.args...)...)
		if code != 2 || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit code %d\n%s%s", tt.name, code, out, errs)
		}
	}
	if n := target.Do("DBSIZE"); n != int64(0) {
		t.Errorf("the target has %v keys", n)
	}
	target.Do("SET", "x", "1")
	if _, errs, code := tool(t, nil, "import", file(twoCommands), target.URL()); code != 2 || !strings.Contains(errs, "1 key, which would all be deleted; use --flush, or") {
		t.Errorf("a target with keys: exit code %d: %s", code, errs)
	}
	if _, errs, code := tool(t, nil, "import", file(preamble+twoCommands), target.URL(), "--flush", "--yes"); code != 0 || target.Do("DBSIZE") != int64(3) {
		t.Errorf("--flush: exit code %d: %s", code, errs)
	}
}

// A command that the target refuses, and keys that it does not keep, are findings.
func TestAppendOnlyFailures(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "appendonly.aof")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	target := redistest.Start(t)
	wrong := twoCommands + "*3\r\n$5\r\nLPUSH\r\n$1\r\nb\r\n$1\r\n2\r\n"
	if out, errs, code := tool(t, nil, "import", write(wrong), target.URL()); code != 1 || !strings.Contains(out, "3 commands replayed, 1 refused") || !strings.Contains(errs, "WRONGTYPE (1)") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}

	// The end of a file that a killed server has left.
	for _, cut := range []string{"*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$1", "*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n"} {
		target.Do("FLUSHALL")
		file := write(twoCommands + cut)
		out, errs, code := tool(t, nil, "import", file, target.URL())
		if code != 0 || !strings.Contains(out, "2 commands replayed") || !strings.Contains(errs, "offset 54: the file ends within a") || target.Do("DBSIZE") != int64(2) {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
		if _, errs, code := tool(t, nil, "rdb", "verify", file); code != 1 || !strings.Contains(errs, "the file ends within a") {
			t.Errorf("verify: exit code %d: %s", code, errs)
		}
	}

	var many strings.Builder
	for i := range 3000 {
		value := strings.Repeat("v", 2000)
		fmt.Fprintf(&many, "*3\r\n$3\r\nSET\r\n$%d\r\n%d\r\n$%d\r\n%s\r\n", len(strconv.Itoa(i)), i, len(value), value)
	}
	small := redistest.Start(t, "--maxmemory", "4mb", "--maxmemory-policy", "allkeys-random")
	file := write(many.String())
	for _, flags := range [][]string{nil, {"--dry-run"}, {"--flush", "--yes"}} {
		out, errs, code := tool(t, nil, append([]string{"import", file, small.URL()}, flags...)...)
		if code != 2 || !strings.Contains(errs, "so keys would be evicted (maxmemory-policy allkeys-random)") || small.Do("DBSIZE") != int64(0) {
			t.Errorf("a target that would evict, %v: exit code %d: %s%s", flags, code, out, errs)
		}
	}
	out, errs, code := tool(t, nil, "import", file, small.URL(), "--ignore-memory")
	left, _ := small.Do("DBSIZE").(int64)
	lost := int64(0)
	if m := regexp.MustCompile(`error: (\d+) keys were lost after the replay`).FindStringSubmatch(errs); m != nil {
		lost, _ = strconv.ParseInt(m[1], 10, 64)
	}
	// Near its limit a server evicts with every command, also with those of this test.
	if code != 1 || lost > 3000-left || lost < 3000-left-50 {
		t.Errorf("a target that evicts: exit code %d, %d are left of 3000: %.300s%.300s", code, left, out, errs)
	}
	named := regexp.MustCompile(`(?m)^key "(\d+)" in database 0: the key was evicted`).FindAllStringSubmatch(errs, -1)
	if len(named) != 100 || strings.Contains(errs, `key ""`) {
		t.Errorf("%d keys are named: %s", len(named), errs)
	}
	for _, m := range named {
		if small.Do("EXISTS", m[1]) != int64(0) {
			t.Errorf("key %s is not lost", m[1])
		}
	}

	full := redistest.Start(t, "--maxmemory", "4mb")
	if _, errs, code := tool(t, nil, "import", file, full.URL()); code != 2 || !strings.Contains(errs, "so writes would fail") {
		t.Errorf("a target without room: exit code %d: %s", code, errs)
	}
	if _, errs, code := tool(t, nil, "import", file, full.URL(), "--ignore-memory"); code != 0 || !strings.Contains(errs, "so it rejects writes until maxmemory is raised") {
		t.Errorf("a target without room that was not asked: exit code %d: %s", code, errs)
	}
}

// Files of an append-only file are not read alone, and none is left out.
func TestAppendOnlyDirectory(t *testing.T) {
	target := redistest.Start(t)
	make := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	first, second := twoCommands[:27], twoCommands[27:]
	files := map[string]string{
		"a.aof.manifest": "file a.aof.3.incr.aof seq 3 type h\nfile \"a.aof.4.incr.aof\" seq 4 type i startoffset 7 endoffset 99\nfile a.aof.5.incr.aof seq 5 type i\n",
		// A server selects database 0 at the beginning of each file.
		"a.aof.4.incr.aof": first + "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n" + first,
		"a.aof.5.incr.aof": second,
		"a.aof.6.incr.aof": second,
	}
	dir := make(files)
	out, errs, code := tool(t, nil, "import", dir, target.URL())
	if code != 0 || !strings.Contains(out, "3 commands replayed") || !strings.Contains(errs, "a.aof.6.incr.aof was skipped") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if info := fmt.Sprint(target.Do("INFO", "keyspace")); !strings.Contains(info, "db0:keys=2") || !strings.Contains(info, "db3:keys=1") {
		t.Error(info)
	}
	if _, errs, code := tool(t, nil, "import", filepath.Join(dir, "a.aof.5.incr.aof"), target.URL(), "--flush", "--yes"); code != 2 || !strings.Contains(errs, "one of 2 files") {
		t.Errorf("one file of several: exit code %d: %s", code, errs)
	}
	delete(files, "a.aof.5.incr.aof")
	if _, errs, code := tool(t, nil, "import", make(files), target.URL(), "--flush", "--yes"); code != 2 || !strings.Contains(errs, `lists "a.aof.5.incr.aof", which does not exist`) {
		t.Errorf("a missing file: exit code %d: %s", code, errs)
	}
	files["a.aof.5.incr.aof"], files["a.aof.4.incr.aof"] = second, first[:len(first)-3]
	if _, errs, code := tool(t, nil, "import", make(files), target.URL(), "--flush", "--yes"); code != 2 || !strings.Contains(errs, "a.aof.4.incr.aof: offset 0: the file ends within a command") {
		t.Errorf("a cut file in the middle: exit code %d: %s", code, errs)
	}
	if _, errs, code := tool(t, nil, "import", make(map[string]string{"dump.rdb": ""}), target.URL()); code != 2 || !strings.Contains(errs, "pass a file in it: dump.rdb") {
		t.Errorf("no manifest: exit code %d: %s", code, errs)
	}
}
