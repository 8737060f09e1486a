package rdb

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// server is a real redis-server on a Unix socket in a directory of its own.
type server struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// startServer starts a server on the dump, or an empty one for nil. It is ended with the test.
func startServer(t *testing.T, dump []byte) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	// Not t.TempDir: a socket's path may have only about a hundred bytes.
	dir, err := os.MkdirTemp("", "rdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if dump != nil {
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "s")
	command := exec.Command(path, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no",
		"--databases", "64", "--enable-debug-command", "yes")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-done
	})

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("unix", socket); err == nil {
			s := &server{t, conn, bufio.NewReader(conn)}
			t.Cleanup(func() { conn.Close() })
			if reply, _ := s.try("PING"); reply == "PONG" {
				return s
			}
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("redis-server: %v\n%s", err, &output)
		case <-ctx.Done():
			t.Fatalf("redis-server does not answer\n%s", &output)
		case <-tick.C:
		}
	}
}

// try sends a command and reads its reply: a string, an int64, nil, a []any or an error.
func (s *server) try(args ...string) (any, error) {
	list := make([][]byte, len(args))
	for i, a := range args {
		list[i] = []byte(a)
	}
	return s.tryBytes(list)
}

func (s *server) tryBytes(args [][]byte) (any, error) {
	request := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		request = append(append(fmt.Appendf(request, "$%d\r\n", len(a)), a...), "\r\n"...)
	}
	if _, err := s.conn.Write(request); err != nil {
		s.t.Fatal(err)
	}
	return s.reply()
}

func (s *server) reply() (any, error) {
	line, err := s.in.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	line = strings.TrimRight(line, "\r\n")
	switch line[0] {
	case '+':
		return line[1:], nil
	case '-':
		return nil, errors.New(line[1:])
	}
	n, err := strconv.ParseInt(line[1:], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	switch {
	case line[0] == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case line[0] == '$':
		p := make([]byte, n+2)
		if _, err := io.ReadFull(s.in, p); err != nil {
			s.t.Fatal(err)
		}
		return string(p[:n]), nil
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = s.reply(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// do is try where an error ends the test.
func (s *server) do(args ...string) any {
	s.t.Helper()
	reply, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return reply
}

// state is all that two servers with the same data must agree on, as one line a fact.
func (s *server) state(dbs []int) []string {
	facts := []string{fmt.Sprint("digest ", s.do("DEBUG", "DIGEST"))}
	libraries, _ := s.do("FUNCTION", "LIST", "WITHCODE").([]any)
	for _, library := range libraries {
		facts = append(facts, fmt.Sprint("functions ", library))
	}
	for _, db := range dbs {
		s.do("SELECT", strconv.Itoa(db))
		keys, _ := s.do("KEYS", "*").([]any)
		for _, key := range keys {
			k := key.(string)
			if at := s.do("PEXPIRETIME", k); at != int64(-1) {
				facts = append(facts, fmt.Sprintf("db %d %q expires at %v", db, k, at))
			}
			if s.do("TYPE", k) == "stream" {
				facts = append(facts, fmt.Sprintf("db %d %q stream %v", db, k, streamFacts(s.do("XINFO", "STREAM", k, "FULL", "COUNT", "0"))))
			}
		}
	}
	slices.Sort(facts)
	return facts
}

// streamFacts leaves out of XINFO what commands cannot set: how nodes are cut, when consumers were seen, and lag, which an
// older dump does not have.
func streamFacts(info any) any {
	drop := []any{"radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "entries-read", "lag"}
	list, ok := info.([]any)
	if !ok {
		return info
	}
	var kept []any
	for i := 0; i < len(list); i++ {
		if slices.Contains(drop, list[i]) {
			i++
			continue
		}
		kept = append(kept, streamFacts(list[i]))
	}
	return kept
}

// replayDump fills the server from a dump entry by entry.
func (s *server) replayDump(dump []byte, opts Options, entry func(e *Entry) error) []int {
	s.t.Helper()
	var dbs []int
	scanner := NewScanner(bytes.NewReader(dump), opts)
	for {
		e, err := scanner.Next()
		if err == io.EOF {
			return dbs
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if !slices.Contains(dbs, e.DB) {
			dbs = append(dbs, e.DB)
		}
		s.do("SELECT", strconv.Itoa(e.DB))
		if err := entry(e); err != nil {
			s.t.Fatalf("key %q, %s: %v", e.Key, e.Type, err)
		}
	}
}

// viaCommands makes an entry by commands, each of which must succeed.
func (s *server) viaCommands(opts CommandOptions) func(*Entry) error {
	return func(e *Entry) error {
		return Commands(e, opts, func(args [][]byte) error {
			if _, err := s.tryBytes(args); err != nil {
				return fmt.Errorf("%.200q: %w", args, err)
			}
			return nil
		})
	}
}

// viaRestore makes a key by RESTORE. The server refuses a key without any element, which it leaves out when it loads the
// dump itself; Commands gives nothing for one.
func (s *server) viaRestore(e *Entry) error {
	if e.Kind != KeyEntry {
		return s.viaCommands(CommandOptions{})(e)
	}
	payload, err := AppendDump(nil, e, 6)
	if err != nil {
		return err
	}
	_, err = s.tryBytes([][]byte{[]byte("RESTORE"), e.Key, decimal(e.Expiry), payload, []byte("ABSTTL")})
	if err != nil && strings.Contains(err.Error(), "Bad data format") {
		empty := true
		decoded := Decode(e, func(*Element) error { empty = false; return nil })
		if decoded == nil && empty {
			return nil
		}
	}
	return err
}

// sameScores compares a zset whose digest differs because ZADD makes 0 of -0 in a listpack, which RESTORE does not.
func (s *server) sameScores(other *server, key string) {
	s.t.Helper()
	scores := func(s *server) string {
		return strings.ReplaceAll(fmt.Sprintf("%q", s.do("ZRANGE", key, "0", "-1", "WITHSCORES")), `"-0"`, `"0"`)
	}
	if got, want := scores(s), scores(other); got != want {
		s.t.Errorf("got %s, want %s", got, want)
	}
}

// The oracle: a server that loads the dump itself, one that gets the commands, and one that gets RESTORE.
func TestOracle(t *testing.T) {
	ways := []struct {
		name string
		opts Options
		fill func(*server) func(*Entry) error
	}{
		{"commands", Options{Rest: true}, func(s *server) func(*Entry) error { return s.viaCommands(CommandOptions{RDBVersion: 10}) }},
		{"commands, streamed in chunks", Options{Window: minWindow, Rest: true}, func(s *server) func(*Entry) error {
			return s.viaCommands(CommandOptions{RDBVersion: 10, ChunkBytes: 100})
		}},
		{"restore", Options{Rest: true}, func(s *server) func(*Entry) error { return s.viaRestore }},
	}
	dumps := []fixture{
		{name: "mixed", data: mixedDump(t, 3000)},
		{name: "sample", data: sampleDump(t, 10)},
		{name: "large", data: largeDump(t)},
	}
	for _, f := range fixtures(t) {
		if f.loads {
			dumps = append(dumps, f)
		}
	}
	filled := startServer(t, nil)
	for _, f := range dumps {
		t.Run(f.name, func(t *testing.T) {
			loaded := startServer(t, f.data)
			for _, way := range ways {
				filled.t = t
				filled.do("FLUSHALL")
				filled.do("FUNCTION", "FLUSH")
				dbs := filled.replayDump(f.data, way.opts, way.fill(filled))
				if f.name == "zset_zl_v6.rdb" && way.name != "restore" {
					filled.sameScores(loaded, "myzset")
					continue
				}
				want := loaded.state(dbs)
				if got := filled.state(dbs); !reflect.DeepEqual(got, want) {
					t.Errorf("%s gives\n%.2000s\nbut the server itself loads\n%.2000s", way.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
	if len(dumps) < 10 {
		t.Log("the dumps of ../shared/rdb are not here; only our own were tried")
	}
}

// Dumps that are newer than the server cannot be loaded by it. Key for key, commands must make what RESTORE with an older
// version makes, and what even RESTORE cannot, commands must still make, or say why not.
func TestNewerDumps(t *testing.T) {
	filled := startServer(t, nil)
	both, commandsOnly, refused := 0, 0, 0
	for _, f := range mustFixtures(t) {
		if f.version < 11 || unreadable[f.name] != "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			filled.t = t
			filled.do("FLUSHALL")
			filled.replayDump(f.data, Options{}, func(e *Entry) error {
				if e.Kind != KeyEntry {
					return nil
				}
				key := string(e.Key)
				err := filled.viaCommands(CommandOptions{RDBVersion: 10})(e)
				if e.Type.FieldExpiry() && errors.Is(err, ErrTarget) || e.Type == TypeModule2 && errors.Is(err, ErrUnsupported) {
					refused++
					return nil
				}
				if err != nil {
					return err
				}
				if e.Expiry > 0 && e.Expiry < time.Now().UnixMilli() {
					return nil
				}
				byCommands := fmt.Sprint(filled.do("DEBUG", "DIGEST-VALUE", key))
				if strings.Trim(byCommands, "[0]") == "" {
					t.Errorf("%q, %s: the commands make nothing", key, e.Type)
				}
				if e.Type.Since() > 10 {
					commandsOnly++
					return nil
				}
				both++
				filled.do("DEL", key)
				if err := filled.viaRestore(e); err != nil {
					return err
				}
				if byRestore := fmt.Sprint(filled.do("DEBUG", "DIGEST-VALUE", key)); byRestore != byCommands {
					t.Errorf("%q, %s: commands and RESTORE give different values", key, e.Type)
				}
				return nil
			})
		})
	}
	t.Logf("%d keys made both ways, %d by commands only, %d refused", both, commandsOnly, refused)
}
