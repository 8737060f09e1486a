package master_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/master"
)

const secret = "s3cret-of-the-test"

func mixed(t *testing.T, keys int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := rdbmix.Write(&b, keys); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// events are what happened, to be waited for.
type events struct {
	mu   sync.Mutex
	list []master.Event
}

func (e *events) add(ev master.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) has(kind master.EventKind) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == kind {
			return true
		}
	}
	return false
}

// serve returns the port of a master that serves a dump until the test ends.
func serve(t *testing.T, dump []byte, size int64, opts master.Options) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(dump)), nil }
	go func() { done <- master.Serve(ctx, l, master.Dump{Open: open, Size: size}, opts) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// A server that becomes a replica has what it has when it loads the file itself, however it takes the transfer.
func TestServe(t *testing.T) {
	dump := mixed(t, 5000)
	want := redistest.StartDump(t, dump).Do("DEBUG", "DIGEST")
	for _, tt := range []struct {
		name string
		size int64
		tail string
		args []string
		opts master.Options
	}{
		{name: "to disk", size: int64(len(dump))},
		{name: "to memory", size: int64(len(dump)), args: []string{"--repl-diskless-load", "on-empty-db"}},
		{name: "marked end, to disk"},
		{name: "marked end, to memory", args: []string{"--repl-diskless-load", "swapdb"}},
		{name: "trailing data after the dump", size: int64(len(dump)), tail: "*1\r\n$8\r\nFLUSHALL\r\n"},
		{name: "password", size: int64(len(dump)), args: []string{"--masterauth", secret}, opts: master.Options{Password: secret}},
		{name: "user", size: int64(len(dump)), args: []string{"--masteruser", "u", "--masterauth", secret}, opts: master.Options{Username: "u", Password: secret}},
		{name: "login that is not asked for", size: int64(len(dump)), args: []string{"--masterauth", "other"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen events
			tt.opts.Event, tt.opts.Ping = seen.add, 20*time.Millisecond
			port := serve(t, append(dump[:len(dump):len(dump)], tt.tail...), tt.size, tt.opts)
			s := redistest.Start(t, tt.args...)
			s.Do("REPLICAOF", "127.0.0.1", port)
			redistest.Until(t, "it has loaded", func() bool { return seen.has(master.Loaded) })
			redistest.Until(t, "it hears pings", func() bool {
				info, _ := s.Do("INFO", "replication").(string)
				return strings.Contains(info, "master_link_status:up") && !strings.Contains(info, "slave_repl_offset:0\r")
			})
			if got := s.Do("DEBUG", "DIGEST"); got != want {
				t.Errorf("digest %v, want %v", got, want)
			}
			s.Do("REPLICAOF", "NO", "ONE")
			redistest.Until(t, "it has left", func() bool { return seen.has(master.Left) })
		})
	}
}

func TestWrongPassword(t *testing.T) {
	var seen events
	port := serve(t, mixed(t, 10), 0, master.Options{Password: secret, Event: seen.add})
	s := redistest.Start(t, "--masterauth", "x"+secret)
	s.Do("REPLICAOF", "127.0.0.1", port)
	redistest.Until(t, "it was turned away", func() bool { return seen.has(master.Left) })
	if seen.has(master.Syncing) {
		t.Error("a replica with a wrong password gets the dump")
	}
}

// Whoever connects without being a replica gets an answer and cannot do harm.
func TestStrangers(t *testing.T) {
	port := serve(t, mixed(t, 10), 0, master.Options{})
	for _, tt := range []struct{ send, want string }{
		{"PING\r\n", "+PONG\r\n"},
		{"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"},
		{"\r\n\nPING\r\n", "+PONG\r\n"},
		{"ROLE\r\n", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"},
		{"GET k\r\n", "-ERR unknown command"},
		{"REPLCONF\r\n", "-ERR wrong number"},
		{"*99999999\r\n", ""},
		{"*1\r\n$99999999\r\n", ""},
		{"*1\r\n\r\n", ""},
		{strings.Repeat("x", 1<<20), ""},
		{"QUIT\r\n", "+OK\r\n"},
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		go io.WriteString(c, tt.send)
		buf := make([]byte, 256)
		n, _ := c.Read(buf)
		if got := string(buf[:n]); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%.30q: got %q, want %q", tt.send, got, tt.want)
		}
		c.Close()
	}
}

// A dump that is shorter than it was must not pass for a whole one.
func TestShort(t *testing.T) {
	dump := mixed(t, 10)
	var seen events
	port := serve(t, dump, int64(len(dump)+1), master.Options{Event: seen.add})
	s := redistest.Start(t)
	s.Do("REPLICAOF", "127.0.0.1", port)
	redistest.Until(t, "the transfer has failed", func() bool { return seen.has(master.Left) })
	if seen.has(master.Sent) {
		t.Error("a short dump was sent as if it were whole")
	}
}
