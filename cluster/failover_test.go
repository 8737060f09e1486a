package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

func TestFailover(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 3, 3)
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	b.servers[0].Do("SET", "kept", "yes")
	dry, err := c.Failover(t.Context(), r, FailoverOptions{DryRun: true})
	if err != nil || dry.Old.Name != "rfr-shop-0" || dry.New != nil || b.role(0) != "master" {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	client, err := net.Dial("tcp", b.servers[0].Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var steps []string
	var once sync.Once
	f, err := c.Failover(t.Context(), r, FailoverOptions{Progress: func(step string) {
		steps = append(steps, step)
		// The operator, which moves labels some time later.
		if strings.HasPrefix(step, "waiting for the operator") {
			once.Do(func() {
				redistest.Until(t, "a server says that it is the master", func() bool {
					for i := range b.servers[1:] {
						if b.role(i+1) == "master" {
							b.label(i + 1)
							return true
						}
					}
					return false
				})
			})
		}
	}})
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(steps, "\n"))
	}
	if f.Old.Name != "rfr-shop-0" || f.New == nil || f.New.Name == "rfr-shop-0" || f.Service != "rfrm-shop" || f.Moved < f.Promoted || f.Promoted <= 0 {
		t.Errorf("%+v", f)
	}
	if w := f.Writes; !w.Known || w.Gap() < 0 || w.Gap() > f.Promoted+10*time.Second || w.From <= 0 {
		t.Errorf("writes: %+v, promoted after %v", w, f.Promoted)
	}
	if f.Writes.Longer > 3*time.Second { // sentinels alone take 8
		t.Errorf("the old master took writes for %v", f.Writes.Longer)
	}
	t.Logf("promoted after %v, writes %+v, killed %d", f.Promoted, f.Writes, f.Killed)
	if m := f.After.Masters(); len(m) != 1 || m[0].Pod.Name != f.New.Name {
		t.Errorf("after: %s", answers(f.After.Servers))
	}
	if all := strings.Join(steps, "\n"); !strings.Contains(all, "is the master, after") || !strings.Contains(all, "Service rfrm-shop points to it after") {
		t.Errorf("steps:\n%s", all)
	}
	for i := range b.servers {
		if b.role(i) == "master" && (b.servers[i].Do("GET", "kept") != "yes" || b.servers[i].Do("DBSIZE") != int64(1)) {
			t.Error("the probe left something, or data is lost")
		}
	}
}

// Each obstacle is told, and nothing happens.
func TestFailoverRefused(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "", 2, 3)
	c := o.open(t, Options{Timeout: 5 * time.Second})
	for _, tt := range []struct {
		name     string
		do, undo func()
		want     []string
	}{
		{"no replica may", func() { b.servers[1].Do("CONFIG", "SET", "replica-priority", "0") }, func() { b.servers[1].Do("CONFIG", "SET", "replica-priority", "100") },
			[]string{"no replica can take over: rfr-shop-1 has replica-priority 0"}},
		{"no quorum", func() {
			for _, s := range b.sentinels[1:] {
				s.Kill()
			}
		}, func() {
			for _, s := range b.sentinels[1:] {
				s.Run()
			}
			b.settle(1, 3)
		}, []string{"sentinel rfs-shop-1: ", "sentinel rfs-shop-2: "}},
		{"replication is broken", func() { b.servers[1].Do("REPLICAOF", "NO", "ONE") }, func() {
			b.servers[1].Do("REPLICAOF", b.servers[0].Host, fmt.Sprint(b.port))
			b.settle(1, 3)
		}, []string{"several masters"}},
	} {
		tt.do()
		_, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{})
		if !errors.Is(err, ErrNotReady) {
			t.Errorf("%s: %v", tt.name, err)
		} else {
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q is missing in %v", tt.name, want, err)
				}
			}
		}
		tt.undo()
		redistest.Until(t, "all is well again", func() bool {
			_, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{DryRun: true})
			return err == nil
		})
		if b.role(0) != "master" {
			t.Fatalf("%s: a failover happened", tt.name)
		}
	}
	if _, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{MaxLag: -1}); err == nil || !strings.Contains(err.Error(), "behind") {
		t.Errorf("lag: %v", err)
	}
}

// An interrupted wait is no success, and says how far it was.
func TestFailoverInterrupted(t *testing.T) {
	t.Parallel()
	o := newObjects()
	newBed(t, o, "shop", "", 2, 1)
	c := o.open(t, Options{})
	f, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{Wait: 6 * time.Second, Progress: func(s string) { t.Log(s) }})
	if err == nil || !strings.Contains(err.Error(), `Service "rfrm-shop" still points to the old master, pod rfr-shop-0`) || f.New == nil || f.After == nil {
		t.Errorf("an operator that does nothing: %v", err)
	}
}

func TestForward(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 2, 1)
	c := o.open(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var mu sync.Mutex
	var said []string
	go func() {
		done <- c.forward(ctx, find(t, c, "shop"), Way{}, l, func(text string) { mu.Lock(); defer mu.Unlock(); said = append(said, text) })
	}()
	target := &redis.Target{Addrs: []string{l.Addr().String()}, Password: "s3cret"}
	conn, err := target.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Do(ctx, "SET", "k", strings.Repeat("x", 1<<20)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Int(ctx, "WAIT", "1", "60000"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b.sentinels[0].Do("SENTINEL", "FAILOVER", "mymaster")
	// The connection does not stay with the old one.
	redistest.Until(t, "the connection ends", func() bool { _, err := conn.Do(ctx, "PING"); return err != nil && redis.Code(err) == "" })
	redistest.Until(t, "a new one reaches the new master", func() bool {
		conn, err := target.Connect(ctx)
		if err != nil {
			return false
		}
		defer conn.Close()
		_, err = conn.Do(ctx, "SET", "k2", "v")
		there, _ := b.servers[1].Try("GET", "k2") // which hangs up once, on promotion
		return err == nil && there == "v"
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if b.servers[1].Do("GET", "k2") != "v" || b.servers[1].Do("STRLEN", "k") != int64(1<<20) {
		t.Error("the new master has not what was written")
	}
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(said, "\n"); !strings.Contains(all, "forwards to pod rfr-shop-0") || !strings.Contains(all, "forwarding to pod rfr-shop-1") {
		t.Errorf("said:\n%s", all)
	}
}

// RunCLI with the real sh and redis-cli: arguments arrive as they are, and the password is in none of them.
func TestRunCLI(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", `a'b $c \d*;|`, 1, 0)
	o.exec = func(c Command) error {
		for _, arg := range c.Args {
			if strings.Contains(arg, b.password) {
				t.Errorf("the password is in the arguments %q", c.Args)
			}
		}
		// The pod's own address, and the environment that its container has.
		for i, arg := range c.Args {
			if arg == "redis-cli" {
				c.Args = append(append(c.Args[:i+1:i+1], "-h", b.servers[0].Host), c.Args[i+1:]...)
				break
			}
		}
		env := []string{}
		if variables, ok := b.all[podKind][0]["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["env"]; ok {
			env = append(env, text(variables.([]any)[0].(map[string]any)["name"])+"="+b.password)
		}
		return localEnv(c, env)
	}
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	container := b.all[podKind][0]["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	for name, env := range map[string]any{
		"read": nil,
		"env":  []any{map[string]any{"name": "REDIS_PASSWORD", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "shop-auth", "key": "password"}}}},
	} {
		if env != nil {
			container["env"] = env
		}
		r = find(t, c, "shop")
		run := func(in string, args ...string) string {
			var out, failed bytes.Buffer
			cli := CLI{Args: args, Out: &out, Err: &failed}
			if in != "" {
				cli.In = strings.NewReader(in)
			}
			if err := c.RunCLI(t.Context(), r, r.Pods[0], r.Auth, cli); err != nil {
				t.Errorf("%s: %q: %v %s", name, args, err, failed.String())
			}
			return strings.TrimSpace(out.String())
		}
		values := []string{"two  blanks", "*", `"quoted" 'both'`, "$HOME `id`", "line\nbreak", "a;b|c&d", ""}
		for i, v := range values {
			key := fmt.Sprintf("key %d *", i)
			if got := run("", "SET", key, v); got != "OK" {
				t.Errorf("%s: SET %q: %q", name, v, got)
			}
			if got := b.servers[0].Do("GET", key); got != v {
				t.Errorf("%s: %q became %q", name, v, got)
			}
		}
		if got := run("PING\nECHO 'in order'\n"); got != "PONG\nin order" {
			t.Errorf("%s: commands by standard input: %q", name, got)
		}
		if got := run("from input", "-x", "SET", "x"); got != "OK" || b.servers[0].Do("GET", "x") != "from input" {
			t.Errorf("%s: -x: %q, %v", name, got, b.servers[0].Do("GET", "x"))
		}
		var exit *ExitError
		if err := c.RunCLI(t.Context(), r, r.Pods[0], r.Auth, CLI{Args: []string{"-e", "NOSUCH"}, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); !errors.As(err, &exit) || exit.Code != 1 {
			t.Errorf("%s: exit code: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := c.RunLocalCLI(t.Context(), r, Way{}, r.Auth, CLI{Args: []string{"SET", "local *", "a b"}, Out: &out, Err: &out}, func(string) {}); err != nil || out.String() != "OK\n" || b.servers[0].Do("GET", "local *") != "a b" {
		t.Errorf("--local: %q, %v", out.String(), err)
	}
	b.all[secretKind][0]["data"] = map[string]any{"password": "YQpi"}
	delete(container, "env")
	if err := c.RunCLI(t.Context(), find(t, c, "shop"), r.Pods[0], r.Auth, CLI{Out: &out, Err: &out}); err == nil || !strings.Contains(err.Error(), "control character") {
		t.Errorf("a line end in the password: %v", err)
	}
}

// The script says that it reads before it gets the password, and what it says is not shown.
func TestHandover(t *testing.T) {
	var out bytes.Buffer
	h := &handover{first: []byte("pass\n"), in: strings.NewReader("keys"), out: &out, ready: make(chan struct{})}
	read := make(chan string)
	go func() {
		var all []byte
		p := make([]byte, 3)
		for {
			n, err := h.Read(p)
			all = append(all, p[:n]...)
			if err != nil {
				read <- string(all)
				return
			}
		}
	}()
	for _, part := range []string{"warn", "ing\n\x01redis-gitops", " ready", "\x02> "} {
		if out.Len() > 0 {
			t.Errorf("shown too early: %q", out.String())
		}
		if n, err := h.Write([]byte(part)); n != len(part) || err != nil {
			t.Error(n, err)
		}
	}
	if got := <-read; got != "pass\nkeys" {
		t.Errorf("read %q", got)
	}
	if _, err := h.Write([]byte("more")); err != nil || out.String() != "warning\n> more" {
		t.Errorf("shown %q, %v", out.String(), err)
	}
	out.Reset()
	h = &handover{first: []byte("pass\n"), out: &out, ready: make(chan struct{})}
	_, _ = h.Write([]byte("sh: stty: not found"))
	h.flush()
	if out.String() != "sh: stty: not found" || h.first != nil {
		t.Errorf("a script that fails: %q", out.String())
	}
}
