package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/redis/go-redis/v9"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// screen is what a program printed so far.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) shows(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(s.text.String(), text) {
		return exitError("no " + text + " in\n" + s.text.String())
	}
	return nil
}

// TestTerminal types into redis-cli, as a user who has the Role of docs/rbac.md and nothing else. The size of the
// terminal arrives, and another one later.
func TestTerminal(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.beDeveloper()
	cmd := exec.Command(filepath.Join(cluster.Bin, "redis-gitops"), "cli", "shop")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 31, Cols: 101})
	b.must(err)
	defer terminal.Close()
	var shown screen
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		p := make([]byte, 4096)
		for {
			n, err := terminal.Read(p)
			if err != nil {
				return
			}
			_, _ = shown.Write(p[:n])
			// The size may come later than redis-cli, which then asks where the cursor is. Every terminal answers.
			for range strings.Count(string(p[:n]), "\x1b[6n") {
				_, _ = io.WriteString(terminal, "\x1b[31;101R")
			}
		}
	}()
	typed := func(after, text string) {
		t.Helper()
		b.until("the terminal shows "+after, func() error { return shown.shows(after) })
		_, err := io.WriteString(terminal, text)
		b.must(err)
	}
	typed("> ", "SET typed \"x  *\"\r")
	typed("OK", "STRLEN typed\r")
	typed("(integer) 4", "") // as on a terminal only
	master, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	sized := func(want string) {
		t.Helper()
		b.until("the size is "+want, func() error {
			size, err := harness.TerminalOf(master, "redis", "redis-cli")
			if err == nil && size != want {
				err = exitError("it is " + size)
			}
			return err
		})
	}
	sized("31 101")
	b.must(pty.Setsize(terminal, &pty.Winsize{Rows: 41, Cols: 77}))
	sized("41 77")
	typed("> ", "quit\r")
	b.must(cmd.Wait())
	<-copied
	if shown.shows(password) == nil {
		t.Error("the terminal shows the password")
	}
}

// TestPortForward writes through a port of this machine while the master changes: each new connection reaches the master.
func TestPortForward(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.beDeveloper()
	ctx, cancel := context.WithCancel(b.ctx)
	cmd := exec.CommandContext(ctx, filepath.Join(cluster.Bin, "redis-gitops"), "port-forward", "shop")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "KUBECONFIG="+b.kubeconfig)
	said, err := cmd.StderrPipe()
	b.must(err)
	b.must(cmd.Start())
	lines := bufio.NewScanner(said)
	if !lines.Scan() {
		t.Fatal("port-forward says nothing")
	}
	address, _, ok := strings.Cut(lines.Text(), " forwards to pod ")
	if !ok {
		t.Fatal(lines.Text())
	}
	var rest []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			rest = append(rest, lines.Text())
		}
	}()
	client := redis.NewClient(&redis.Options{Addr: address, Password: password, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	b.until("a write arrives", func() error { return client.Set(b.ctx, "k", "before", 0).Err() })
	before, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	b.until("the sentinels could fail over", func() error {
		return b.failed(b.tool(dir, "failover", "shop", "--dry-run"))
	})
	stop := b.poking("shop")
	r := b.tool(dir, "failover", "shop")
	stop()
	b.ok(r)
	b.until("a write arrives at the new master", func() error { return client.Set(b.ctx, "k", "after", 0).Err() })
	after, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	direct := b.client(after.Status.PodIP+":6379", password)
	if value, err := direct.Get(b.ctx, "k").Result(); value != "after" || err != nil || after.Name == before.Name {
		t.Errorf("%s, then %s: it has %q, %v", before.Name, after.Name, value, err)
	}
	cancel()
	<-ended
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("Ctrl-C is no failure: %v", err)
	}
	if all := strings.Join(rest, "\n"); !strings.Contains(all, "forwarding to pod "+after.Name) || strings.Contains(all, password) {
		t.Errorf("it said\n%s", all)
	}
}
