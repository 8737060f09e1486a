package redis_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
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

func TestDo(t *testing.T) {
	s := redistest.Start(t)
	c, err := target(t, s.URL()+"/5").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tt := range []struct {
		command string
		want    any
	}{
		{"SET k v", "OK"},
		{"GET k", "v"},
		{"GET none", nil},
		{"RPUSH l 1 2", int64(2)},
		{"LRANGE l 0 -1", []any{"1", "2"}},
		{"INCR k", redis.Error("ERR value is not an integer or out of range")},
		{"PING", "PONG"},
		{"MULTI", "OK"},
		{"INCR k", "QUEUED"},
		{"GET k", "QUEUED"},
		{"EXEC", []any{redis.Error("ERR value is not an integer or out of range"), "v"}},
	} {
		got, err := c.Do(t.Context(), strings.Fields(tt.command)...)
		if err != nil {
			got = err
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.command, got, tt.want)
		}
	}
	s.Do("SELECT", "5")
	if got := s.Do("GET", "k"); got != "v" {
		t.Errorf("database 5 has %v", got)
	}
	replies, err := c.Pipeline(t.Context(), []string{"GET", "k"}, []string{"INCR", "k"}, []string{"PING"})
	if want := []any{"v", redis.Error("ERR value is not an integer or out of range"), "PONG"}; err != nil || !reflect.DeepEqual(replies, want) {
		t.Errorf("got %v, %v, want %v", replies, err, want)
	}
	large := strings.Repeat("x", 3<<20)
	if _, err := c.Do(t.Context(), "SET", "large", large); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Text(t.Context(), "GET", "large"); err != nil || got != large {
		t.Errorf("a text of 3 MB comes back with %d bytes, %v", len(got), err)
	}
	if role, err := c.Role(t.Context()); role != "master" {
		t.Error(role, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, "BLPOP", "none", "0"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command that waits ends with %v", err)
	}
}

func TestLogin(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "importer", "on", ">"+secret, "~*", "+@all", "-role")
	s.Do("ACL", "SETUSER", "nobody", "on", ">"+secret, "-@all")
	s.Do("CONFIG", "SET", "requirepass", secret)
	for _, tt := range []struct{ login, want string }{
		{":" + secret + "@", ""},
		{"importer:" + secret + "@", ""},
		{"importer:x" + secret + "@", "wrong user or password"},
		{":x" + secret + "@", "wrong user or password"},
		{"nobody:" + secret + "@", ""},
	} {
		c, err := target(t, strings.Replace(s.URL(), "://", "://"+tt.login, 1)).Connect(t.Context())
		if fmt.Sprint(err) != "<nil>" && (tt.want == "" || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret)) || err == nil && tt.want != "" {
			t.Errorf("%s: got %v, want %q", tt.login, err, tt.want)
		}
		if err != nil {
			continue
		}
		role, err := c.Role(t.Context())
		if strings.HasPrefix(tt.login, "nobody") {
			if redis.Code(err) != "NOPERM" {
				t.Errorf("a user without rights gets %q, %v", role, err)
			}
		} else if role != "master" {
			t.Errorf("%s: role %q, %v", tt.login, role, err)
		}
		c.Close()
	}

	open := redistest.Start(t)
	_, err := target(t, strings.Replace(open.URL(), "://", "://:"+secret+"@", 1)).Connect(t.Context())
	if err == nil || !strings.Contains(err.Error(), "has no password") {
		t.Errorf("a password that is not wanted: %v", err)
	}
}

// A proxy or an old server repeats arguments; the password among them must not get into the error.
func TestLoginEcho(t *testing.T) {
	addr := listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for range 5 {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
		}
		fmt.Fprintf(c, "-ERR unknown command `AUTH`, with args beginning with: `%s`\r\n", secret)
	})
	_, err := target(t, "redis://:"+secret+"@"+addr).Connect(t.Context())
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	s, authority := redistest.StartTLS(t)
	for _, tt := range []struct {
		name     string
		ca       []byte
		server   string
		insecure bool
		want     string
	}{
		{"authority", authority, "", false, ""},
		{"server name", authority, "redis.test", false, ""},
		{"wrong name", authority, "other.test", false, "--tls-server-name"},
		{"unknown authority", nil, "", false, "--tls-ca"},
		{"insecure", nil, "", true, ""},
	} {
		u := target(t, s.URL())
		config, err := redis.TLSConfig(tt.ca, nil, nil, tt.server, tt.insecure)
		if err != nil {
			t.Fatal(err)
		}
		u.TLS = config
		c, err := u.Connect(t.Context())
		if err == nil {
			_, err = c.Do(t.Context(), "PING")
			c.Close()
		}
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}

	s.Do("CONFIG", "SET", "tls-auth-clients", "yes")
	cert, key := readPair(t, s.Dir)
	config, err := redis.TLSConfig(authority, cert, key, "", false)
	if err != nil {
		t.Fatal(err)
	}
	u := target(t, s.URL())
	u.TLS = config
	c, err := u.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(t.Context(), "PING"); err != nil {
		t.Errorf("with a certificate of our own: %v", err)
	}

	// A plain server waits for the end of what it takes for a command.
	plain := target(t, strings.Replace(redistest.Start(t).URL(), "redis:", "rediss:", 1))
	plain.Timeout = 50 * time.Millisecond
	if _, err := plain.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "use redis://") {
		t.Errorf("TLS to a server without it: %v", err)
	}
	if _, err := redis.TLSConfig([]byte("x"), nil, nil, "", false); err == nil {
		t.Error("a file of authorities without any is accepted")
	}
}

func TestSentinel(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	sentinel := redistest.StartSentinel(t, "mymaster", master)
	u := target(t, fmt.Sprintf("redis+sentinel://127.0.0.1:%d,%s/mymaster", redistest.FreePort(t), sentinel.Addr()))
	c, err := u.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr() != master.Addr() {
		t.Errorf("connected to %s, the master is %s", c.Addr(), master.Addr())
	}
	c.Close()
	redistest.Until(t, "the sentinel knows the replica", func() bool {
		c, err := u.ConnectReplica(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.Addr() == replica.Addr()
	})

	_, err = target(t, "redis+sentinel://"+sentinel.Addr()+"/other").Connect(t.Context())
	if err == nil || !strings.Contains(err.Error(), `does not monitor "other"`) {
		t.Errorf("an unknown master: %v", err)
	}

	// While a failover has not ended, the Sentinel may name a server that is no master.
	replica.Do("REPLICAOF", "NO", "ONE")
	master.Do("REPLICAOF", "127.0.0.1", fmt.Sprint(replica.Port))
	if _, err := u.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "wait for the failover") {
		t.Errorf("a master that is none: %v", err)
	}
}

// Raw access: what PSYNC sends is read from the same connection.
func TestPsync(t *testing.T) {
	s := redistest.Start(t)
	s.Do("SET", "k", "v")
	c, err := target(t, s.URL()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reply, err := c.Text(t.Context(), "PSYNC", "?", "-1")
	if err != nil || !strings.HasPrefix(reply, "FULLRESYNC ") {
		t.Fatal(reply, err)
	}
	var line string
	for line == "" {
		if line, err = c.Reader().ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSpace(line)
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(c.Reader(), head); err != nil || line[0] != '$' || string(head) != "REDIS" {
		t.Errorf("got %q, %q, %v", line, head, err)
	}
}

func TestBrokenReplies(t *testing.T) {
	for _, tt := range []struct{ reply, want string }{
		{"HTTP/1.1 400 Bad Request\r\n", "unexpected reply"},
		{"$999999999999\r\n", "unexpected reply"},
		{"$-2\r\n", "unexpected reply"},
		{":x\r\n", "unexpected reply"},
		{"$3\r\nabcde", "unexpected reply"},
		{"$30\r\nabc", "unexpected EOF"},
		{"*2\r\n:1\r\n", "unexpected EOF"},
		{strings.Repeat("*1\r\n", 100), "unexpected reply"},
		{"+" + strings.Repeat("x", 1<<20), "unexpected reply"},
		{"", "unexpected EOF"},
	} {
		addr := listen(t, func(c net.Conn) {
			io.WriteString(c, tt.reply)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		})
		c, err := target(t, "redis://"+addr).Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), "PING"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.30q: got %v, want %s", tt.reply, err, tt.want)
		}
		c.Close()
	}
}

// A server that accepts and never answers must not hold a connection for ever.
func TestTimeout(t *testing.T) {
	addr := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	u := target(t, "redis://:"+secret+"@"+addr)
	u.Timeout = 20 * time.Millisecond
	if _, err := u.Connect(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func listen(t *testing.T, serve func(net.Conn)) string {
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
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return l.Addr().String()
}

func readPair(t *testing.T, dir string) (cert, key []byte) {
	t.Helper()
	for name, into := range map[string]*[]byte{"cert.pem": &cert, "key.pem": &key} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		*into = data
	}
	return cert, key
}

// TestReplyBounds has servers that announce or send more than memory can hold.
func TestReplyBounds(t *testing.T) {
	part := strings.Repeat("$-1\r\n", 1<<14)
	for name, tt := range map[string]struct {
		first, then string
		want        string
	}{
		"a text":                  {"$9223372036854775807\r\n", "", "unexpected reply"},
		"a list":                  {"*9223372036854775807\r\n", "", "unexpected reply"},
		"less than nothing":       {"$-9223372036854775808\r\n", "", "unexpected reply"},
		"a list of nothing":       {"*67108864\r\n", part, "reply exceeds"},
		"lists of lists":          {"", "*67108864\r\n*1\r\n", "unexpected reply"},
		"a number of many digits": {":99999999999999999999999\r\n", "", "unexpected reply"},
	} {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			_, err := io.WriteString(theirs, tt.first)
			for err == nil && tt.then != "" {
				_, err = io.WriteString(theirs, tt.then)
			}
			_, _ = io.Copy(io.Discard, theirs)
		}()
		_, err := redis.NewConn(ours).ReadReply()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
		ours.Close()
	}
}

// Texts and numbers are read without the value of an interface around them, and all other replies as what they are.
func TestReadBytes(t *testing.T) {
	s := redistest.Start(t)
	c, err := target(t, s.URL()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	long := strings.Repeat("x", 100_000)
	s.Do("SET", "long", long)
	s.Do("SET", "short", "y\r\n")
	s.Do("SADD", "set", "1")
	ask := func(args ...string) {
		var out []byte
		for _, a := range append([]string{}, args...) {
			if out == nil {
				out = redis.AppendArgs(nil, len(args))
			}
			out = redis.AppendArg(out, a)
		}
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		key, want string
		there     bool
		code      string
	}{{"long", long, true, ""}, {"short", "y\r\n", true, ""}, {"none", "", false, ""}, {"set", "", false, "WRONGTYPE"}} {
		ask("GET", tt.key)
		got, there, err := c.ReadBytes([]byte("before "))
		if string(got) != "before "+tt.want || there != tt.there || redis.Code(err) != tt.code {
			t.Errorf("%s: %.40q, %v, %v", tt.key, got, there, err)
		}
	}
	ask("SCARD", "set")
	if n, err := c.ReadInt(); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	ask("SCARD", "short")
	if _, err := c.ReadInt(); redis.Code(err) != "WRONGTYPE" {
		t.Error(err)
	}
	ask("SCARD", "set")
	if _, _, err := c.ReadBytes(nil); err == nil || redis.Code(err) != "" {
		t.Errorf("an integer is taken for a bulk string: %v", err)
	}
	ask("GET", "short")
	if _, err := c.ReadInt(); err == nil || redis.Code(err) != "" {
		t.Errorf("a bulk string is taken for an integer: %v", err)
	}
	if reply, err := c.Do(t.Context(), "PING"); reply != "PONG" || err != nil {
		t.Errorf("the connection is out of step: %v, %v", reply, err)
	}
}
