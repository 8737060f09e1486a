package snapshot_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

const secret = "s3cret-of-the-test"

func target(t *testing.T, url string) *redis.Target {
	t.Helper()
	got, err := redis.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// take returns the whole dump, checked.
func take(t *testing.T, to *redis.Target, opts snapshot.Options) ([]byte, snapshot.Source) {
	t.Helper()
	s, err := snapshot.Open(t.Context(), to, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out bytes.Buffer
	saved, err := rdb.Save(&out, s)
	if err != nil || !saved.Checksum {
		t.Fatalf("%+v, %v", saved, err)
	}
	if s.Size >= 0 && s.Size != saved.Bytes {
		t.Errorf("%d bytes were announced, %d came", s.Size, saved.Bytes)
	}
	return out.Bytes(), s.Source
}

// fill gives a server keys of all types in two databases, with expiry and function library.
func fill(s *redistest.Server) {
	s.Do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('one', function() return 1 end)")
	for _, db := range []string{"0", "3"} {
		s.Do("SELECT", db)
		s.Do("DEBUG", "POPULATE", "2000", "key", "100")
		s.Do("SET", "expires", "v", "PXAT", "4000000000000")
		s.Do("RPUSH", "list", "a", "b", strings.Repeat("c", 3000))
		s.Do("SADD", "set", "a", "b")
		s.Do("ZADD", "zset", "1.5", "a", "-inf", "b")
		s.Do("HSET", "hash", "f", "v")
		s.Do("XADD", "stream", "1-1", "f", "v")
		s.Do("XGROUP", "CREATE", "stream", "g", "0")
		s.Do("SET", "", "an empty key")
		s.Do("SET", "bin\x00\xff\r\n", strings.Repeat("x", 1<<20))
	}
	s.Do("SELECT", "0")
}

func digest(s *redistest.Server) string {
	return fmt.Sprint(s.Do("DEBUG", "DIGEST"), s.Do("FUNCTION", "LIST", "WITHCODE"), s.Do("PEXPIRETIME", "expires"))
}

func TestOpen(t *testing.T) {
	for _, diskless := range []string{"no", "yes"} {
		t.Run("diskless "+diskless, func(t *testing.T) {
			s := redistest.Start(t, "--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", "0")
			fill(s)
			dump, src := take(t, target(t, s.URL()), snapshot.Options{})
			if src.Role != "master" || src.Addr != s.Addr() || src.Version == "" {
				t.Errorf("source %+v", src)
			}
			loaded := redistest.StartDump(t, dump)
			if got, want := digest(loaded), digest(s); got != want {
				t.Errorf("loaded, it is %s, not %s", got, want)
			}
			// The server does not go on to keep writes for us.
			redistest.Until(t, "the server has let us go", func() bool {
				return strings.Contains(fmt.Sprint(s.Do("INFO", "replication")), "connected_slaves:0")
			})
		})
	}
}

// A writer changes two keys together all the time; in a dump of one moment they agree.
func TestUnderLoad(t *testing.T) {
	for _, diskless := range []string{"no", "yes"} {
		t.Run("diskless "+diskless, func(t *testing.T) {
			s := redistest.Start(t, "--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", "0")
			fill(s)
			writer, err := target(t, s.URL()).Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			ctx, stop := context.WithCancel(t.Context())
			var wrote atomic.Int64
			var wait sync.WaitGroup
			wait.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					n := strconv.Itoa(i)
					if _, err := writer.Do(ctx, "MSET", "first", n, "key:"+n, strings.Repeat("y", 500), "second", n); err != nil {
						return
					}
					wrote.Add(1)
				}
			})
			defer func() { stop(); wait.Wait() }()
			redistest.Until(t, "the writer writes", func() bool { return wrote.Load() > 100 })
			before := wrote.Load()
			dump, _ := take(t, target(t, s.URL()), snapshot.Options{})
			if wrote.Load() == before {
				t.Error("nothing was written meanwhile")
			}
			stop()
			wait.Wait()
			loaded := redistest.StartDump(t, dump)
			first, second := loaded.Do("GET", "first"), loaded.Do("GET", "second")
			if first != second || first == nil {
				t.Errorf("the dump is of no one moment: %v and %v", first, second)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	s, authority := redistest.StartTLS(t, "--requirepass", secret, "--repl-diskless-sync-delay", "0")
	s.Password = secret
	fill(s)
	to := target(t, s.URL())
	config, err := redis.TLSConfig(authority, nil, nil, "", false)
	if err != nil {
		t.Fatal(err)
	}
	to.TLS = config
	if _, err := snapshot.Open(t.Context(), to, snapshot.Options{}); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("without a password: %v", err)
	}
	to.Password = secret
	dump, _ := take(t, to, snapshot.Options{})
	if got, want := digest(redistest.StartDump(t, dump)), digest(s); got != want {
		t.Errorf("loaded, it is %s, not %s", got, want)
	}
	// A user with the rights that the help names, and no other.
	s.Do("ACL", "SETUSER", "backup", "on", ">"+secret, "+psync", "+replconf", "+ping", "+info", "+role")
	to.Username = "backup"
	take(t, to, snapshot.Options{})
}

func TestForbidden(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	s.Do("SET", "k", "v")
	user := func(rights ...string) *redis.Target {
		s.Do(append([]string{"ACL", "SETUSER", "u", "reset", "on", ">" + secret, "~*"}, rights...)...)
		return target(t, "redis://u:"+secret+"@"+s.Addr())
	}
	_, err := snapshot.Open(t.Context(), user("+@all", "-psync", "-sync"), snapshot.Options{})
	if !errors.Is(err, snapshot.ErrForbidden) || !strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
	// What an old server does: SYNC alone, and nothing of REPLCONF or INFO.
	take(t, user("+sync"), snapshot.Options{})

	// A replica that has lost its master would, but cannot.
	lost := redistest.Start(t, "--replicaof", "127.0.0.1", strconv.Itoa(redistest.FreePort(t)))
	_, err = snapshot.Open(t.Context(), target(t, lost.URL()), snapshot.Options{})
	if err == nil || errors.Is(err, snapshot.ErrForbidden) || !strings.Contains(err.Error(), "it is a replica that has lost its master") {
		t.Error(err)
	}
}

func TestSentinel(t *testing.T) {
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	fill(master)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", strconv.Itoa(master.Port), "--repl-diskless-sync-delay", "0")
	sentinel := redistest.StartSentinel(t, "mymaster", master)
	to := target(t, "redis+sentinel://"+sentinel.Addr()+"/mymaster")
	redistest.Until(t, "the Sentinel knows the replica", func() bool {
		list, err := to.Replicas(t.Context())
		return err == nil && len(list) == 1
	})
	dump, src := take(t, to, snapshot.Options{})
	if src.Addr != replica.Addr() || src.Role != "slave" {
		t.Errorf("the dump comes from %+v, not from the replica", src)
	}
	if got, want := digest(redistest.StartDump(t, dump)), digest(master); got != want {
		t.Errorf("loaded, it is %s, not %s", got, want)
	}
	if _, src := take(t, to, snapshot.Options{FromMaster: true}); src.Addr != master.Addr() {
		t.Errorf("the dump comes from %+v, not from the master", src)
	}
}

// fake answers commands in turn with texts as they are, by the command's name; the last answer of a name is repeated.
// An answer that ends with "hang up" ends the connection after it.
func fake(t *testing.T, answers map[string][]string) *redis.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				left := map[string][]string{}
				for name, list := range answers {
					left[name] = list
				}
				in := bufio.NewReader(c)
				for {
					name, err := readCommand(in)
					if err != nil {
						return
					}
					list := left[name]
					if list == nil {
						io.WriteString(c, "-ERR unknown command\r\n")
						continue
					}
					if len(list) > 1 {
						left[name] = list[1:]
					}
					text, end := strings.CutSuffix(list[0], "hang up")
					for part := range strings.SplitSeq(text, "|") { // pieces that arrive one by one
						io.WriteString(c, part)
						time.Sleep(time.Millisecond)
					}
					if end {
						return
					}
				}
			}()
		}
	}()
	to := target(t, "redis://"+l.Addr().String())
	return to
}

func readCommand(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	name := ""
	for i := 0; i < n && err == nil; i++ {
		var size int
		if line, err = in.ReadString('\n'); err != nil {
			break
		}
		if size, err = strconv.Atoi(strings.TrimSpace(line[1:])); err != nil {
			break
		}
		arg := make([]byte, size+2)
		if _, err = io.ReadFull(in, arg); i == 0 {
			name = strings.ToUpper(string(arg[:size]))
		}
	}
	return name, err
}

const mark = "0123456789abcdef0123456789abcdef01234567"

func TestFraming(t *testing.T) {
	for _, tt := range []struct{ name, sends, want, err string }{
		{"sized", "$5\r\nhello+PING\r\n", "hello", ""},
		{"sized, in pieces, after signs of life", "|\n|\n|$5\r|\n|he|llo", "hello", ""},
		{"sized, cut", "$5\r\nhehang up", "he", "closed the connection before the dump was complete"},
		{"empty", "$0\r\n", "", ""},
		{"marked", "$EOF:" + mark + "\r\nhello" + mark, "hello", ""},
		{"marked, and more", "$EOF:" + mark + "\r\nhello" + mark + "*1\r\n$4\r\nPING\r\n", "hello", ""},
		{"mark in pieces", "$EOF:" + mark + "\r\nhel|lo" + mark[:1] + "|" + mark[1:39] + "|" + mark[39:], "hello", ""},
		{"half a mark in the data", "$EOF:" + mark + "\r\n" + mark[:39] + "|" + mark[:20] + "|" + mark, mark[:39] + mark[:20], ""},
		{"marked, empty", "$EOF:" + mark + "\r\n" + mark, "", ""},
		{"marked, long", "$EOF:" + mark + "\r\n" + strings.Repeat("0123456789", 50_000) + "x" + mark, strings.Repeat("0123456789", 50_000) + "x", ""},
		{"marked, cut", "$EOF:" + mark + "\r\nhello" + mark[:39] + "hang up", "hello", "closed the connection before the dump was complete"},
		{"refused late", "-ERR BGSAVE failed\r\n", "", "BGSAVE failed"},
		{"a size that nobody has", "$9223372036854775807\r\nhello", "", "instead of a dump"},
		{"no size", "$x\r\n", "", "instead of a dump"},
		{"negative", "$-1\r\n", "", "instead of a dump"},
		{"short mark", "$EOF:123\r\n", "", "instead of a dump"},
		{"something else", "HTTP/1.1 400 Bad Request\r\n", "", "instead of a dump"},
		{"nothing", "hang up", "", "closed the connection before the dump was complete"},
	} {
		for _, size := range []int{1, 7, 100_000} {
			t.Run(fmt.Sprintf("%s by %d", tt.name, size), func(t *testing.T) {
				to := fake(t, map[string][]string{"PSYNC": {"+FULLRESYNC abc 1\r\n" + tt.sends}})
				s, err := snapshot.Open(t.Context(), to, snapshot.Options{})
				var got []byte
				if err == nil {
					defer s.Close()
					buf := make([]byte, size)
					for err == nil {
						var n int
						n, err = s.Read(buf)
						got = append(got, buf[:n]...)
					}
				}
				if tt.err == "" && err != io.EOF || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				if tt.err == "" && string(got) != tt.want || !strings.HasPrefix(tt.want, string(got[:min(len(got), len(tt.want))])) {
					t.Errorf("got %.100q, want %.100q", got, tt.want)
				}
			})
		}
	}
	_, err := snapshot.Open(t.Context(), fake(t, map[string][]string{"PSYNC": {"+CONTINUE\r\n"}}), snapshot.Options{})
	if err == nil || !strings.Contains(err.Error(), "check that it is a Redis server") {
		t.Error(err)
	}
	_, err = snapshot.Open(t.Context(), fake(t, map[string][]string{"INFO": {"-NOAUTH Authentication required.\r\n"}}), snapshot.Options{})
	if err == nil || !strings.Contains(err.Error(), "requires a password") {
		t.Error(err)
	}
}

// A server that falls silent does not hold the transfer for ever, and neither does one that we have had enough of.
func TestSilence(t *testing.T) {
	for name, sends := range map[string]string{"before": "+FULLRESYNC abc 1\r\n\n", "in the middle": "+FULLRESYNC abc 1\r\n$100\r\nhello", "marked": "+FULLRESYNC abc 1\r\n$EOF:" + mark + "\r\nhello"} {
		to := fake(t, map[string][]string{"PSYNC": {sends}})
		read := func(ctx context.Context, opts snapshot.Options) error {
			s, err := snapshot.Open(ctx, to, opts)
			if err != nil {
				return err
			}
			defer s.Close()
			_, err = io.Copy(io.Discard, s)
			return err
		}
		if err := read(t.Context(), snapshot.Options{IdleTimeout: 30 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan bool, 10)
		go func() {
			if name == "before" {
				<-waited
			}
			cancel()
		}()
		if err := read(ctx, snapshot.Options{Waiting: func() { waited <- true }}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled, it ends with %v", name, err)
		}
	}
}

func TestScan(t *testing.T) {
	s := redistest.Start(t)
	fill(s)
	s.Do("ACL", "SETUSER", "u", "on", ">"+secret, "~*", "+@all", "-psync", "-sync")
	to := target(t, "redis://u:"+secret+"@"+s.Addr())
	var out bytes.Buffer
	calls := 0
	stats, err := snapshot.Scan(t.Context(), to, &out, snapshot.Options{}, func(*snapshot.ScanStats) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if stats.Keys != 4016 || stats.Gone != 0 || calls == 0 || stats.NoFunctions != nil {
		t.Errorf("%+v, %d calls", stats, calls)
	}
	loaded := redistest.StartDump(t, out.Bytes())
	if got, want := digest(loaded), digest(s); got != want {
		t.Errorf("loaded, it is %s, not %s", got, want)
	}

	// With the fewest rights: neither PEXPIRETIME nor functions.
	s.Do("ACL", "SETUSER", "u", "reset", "on", ">"+secret, "~*", "+scan", "+dump", "+pttl", "+time", "+select", "+info", "+role")
	out.Reset()
	stats, err = snapshot.Scan(t.Context(), to, &out, snapshot.Options{}, nil)
	if err != nil || stats.Keys != 4016 || redis.Code(stats.NoFunctions) != "NOPERM" {
		t.Fatalf("%+v, %v", stats, err)
	}
	loaded = redistest.StartDump(t, out.Bytes())
	if got, want := loaded.Do("DEBUG", "DIGEST"), s.Do("DEBUG", "DIGEST"); got != want {
		t.Errorf("loaded, it is %v, not %v", got, want)
	}
	at, _ := loaded.Do("PEXPIRETIME", "expires").(int64)
	if d := at - 4000000000000; d < -5000 || d > 5000 {
		t.Errorf("expires %d ms off", d)
	}
	for _, missing := range []string{"dump", "scan", "pttl", "select"} {
		s.Do("ACL", "SETUSER", "u", "reset", "on", ">"+secret, "~*", "+scan", "+dump", "+pttl", "+time", "+select", "+info", "-"+missing)
		_, err = snapshot.Scan(t.Context(), to, io.Discard, snapshot.Options{}, nil)
		if err == nil || !strings.Contains(err.Error(), "NOPERM") || !strings.Contains(err.Error(), "the user needs +scan") {
			t.Errorf("without +%s: %v", missing, err)
		}
	}
	s.Do("ACL", "SETUSER", "u", "reset", "on", ">"+secret, "~key:*", "+@all")
	if _, err = snapshot.Scan(t.Context(), to, io.Discard, snapshot.Options{}, nil); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("without the right to some keys: %v", err)
	}
}

func TestScanEmpty(t *testing.T) {
	s := redistest.Start(t)
	var out bytes.Buffer
	stats, err := snapshot.Scan(t.Context(), target(t, s.URL()), &out, snapshot.Options{}, nil)
	if err != nil || stats.Version != 10 && strings.HasPrefix(stats.Source.Version, "7.0.") {
		t.Fatalf("%+v, %v", stats, err)
	}
	if saved, err := rdb.Save(io.Discard, &out); err != nil || saved.Keys != 0 || !saved.Checksum {
		t.Errorf("%+v, %v", saved, err)
	}
}

// SCAN may name a key twice; a key may be gone by the time of its DUMP; a payload may be damaged.
func TestScanFake(t *testing.T) {
	payload, err := rdb.AppendDump(nil, &rdb.Entry{Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("v"))}, 9)
	if err != nil {
		t.Fatal(err)
	}
	bulk := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	answers := func() map[string][]string {
		return map[string][]string{
			"SELECT": {"+OK\r\n"}, "TIME": {"*2\r\n$10\r\n1700000000\r\n$1\r\n5\r\n"},
			"SCAN": {"*2\r\n$2\r\n17\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n", "*2\r\n$1\r\n0\r\n*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"},
			"DUMP": {"$-1\r\n", bulk(string(payload)), bulk(string(payload)), "$-1\r\n", bulk(string(payload))},
			"PTTL": {":-1\r\n", ":5000\r\n", ":-2\r\n", ":-2\r\n"},
		}
	}
	var out bytes.Buffer
	stats, err := snapshot.Scan(t.Context(), fake(t, answers()), &out, snapshot.Options{}, nil)
	if err != nil || stats.Keys != 2 || stats.Gone != 2 || stats.Version != 9 {
		t.Fatalf("%+v, %v", stats, err)
	}
	s := rdb.NewScanner(&out, rdb.Options{})
	for i := 0; ; {
		e, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != rdb.KeyEntry {
			continue
		}
		want := []int64{0, 1700000005000}[i]
		if string(e.Key) != string(rune('a'+i)) || e.Expiry != want {
			t.Errorf("%q expires at %d, not %d", e.Key, e.Expiry, want)
		}
		i++
	}
	for name, tt := range map[string]struct{ command, answer, want string }{
		"damaged":       {"DUMP", bulk(string(payload[:len(payload)-1]) + "x"), `key "a" in database 0: cannot write its DUMP payload`},
		"cut":           {"DUMP", "$100\r\nhang up", "lost the connection (keys read: 0)"},
		"no cursor":     {"SCAN", "+OK\r\n", "check that it is a Redis server"},
		"SCAN refused":  {"SCAN", "-ERR disabled\r\n", "SCAN: ERR disabled"},
		"nothing":       {"SCAN", "hang up", "lost the connection"},
		"PTTL refused":  {"PTTL", "-ERR disabled\r\n", "PTTL: ERR disabled"},
		"SELECT failed": {"SELECT", "-ERR DB index is out of range\r\n", "SELECT: ERR DB index"},
	} {
		list := answers()
		list[tt.command] = []string{tt.answer}
		if _, err := snapshot.Scan(t.Context(), fake(t, list), io.Discard, snapshot.Options{}, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer, err := rdb.AppendDump(nil, &rdb.Entry{Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("v"))}, 10)
	if err != nil {
		t.Fatal(err)
	}
	list := answers()
	list["DUMP"] = []string{"$-1\r\n", bulk(string(payload)), bulk(string(newer))}
	if _, err := snapshot.Scan(t.Context(), fake(t, list), io.Discard, snapshot.Options{}, nil); err == nil || !strings.Contains(err.Error(), "RDB version of the server changed from 9 to 10") {
		t.Error(err)
	}
	full := errors.New("disk full")
	list = answers()
	list["DUMP"] = []string{"$-1\r\n", bulk(string(payload))}
	if _, err := snapshot.Scan(t.Context(), fake(t, list), failing{full}, snapshot.Options{}, nil); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestDrip has a server that sends a byte now and then, for ever: it is never idle, and would never be done.
func TestDrip(t *testing.T) {
	for name, sends := range map[string]string{"sized": "$1000000\r\n", "marked": "$EOF:" + mark + "\r\n"} {
		to := fake(t, map[string][]string{"PSYNC": {"+FULLRESYNC abc 1\r\n" + sends + strings.Repeat("x|", 20_000)}})
		s, err := snapshot.Open(t.Context(), to, snapshot.Options{IdleTimeout: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := io.Copy(io.Discard, s); !errors.Is(err, snapshot.ErrStalled) {
			t.Errorf("%s: got %v", name, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		s.Close()
	}
	// A reader that is slow itself does not end a transfer.
	to := fake(t, map[string][]string{"PSYNC": {"+FULLRESYNC abc 1\r\n$5\r\nhello"}})
	s, err := snapshot.Open(t.Context(), to, snapshot.Options{IdleTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	buf := make([]byte, 1)
	for i := range 5 {
		if n, err := s.Read(buf); n != 1 || err != nil {
			t.Errorf("byte %d: %d, %v", i, n, err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}
