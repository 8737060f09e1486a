package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// serving is a `rdb serve` that runs.
type serving struct {
	t     *testing.T
	c     *exec.Cmd
	lines *bufio.Scanner
	all   string
	port  string
}

func serveDump(t *testing.T, env []string, args ...string) *serving {
	t.Helper()
	c := exec.CommandContext(t.Context(), "redis-gitops", append([]string{"rdb", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	c.Env = append(os.Environ(), env...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout // both are the pipe
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	s := &serving{t: t, c: c, lines: bufio.NewScanner(out)}
	s.port = s.until(`listening on 127\.0\.0\.1:(\d+); `)
	return s
}

// until reads lines up to one that matches, and gives its group.
func (s *serving) until(pattern string) string {
	s.t.Helper()
	for s.lines.Scan() {
		s.all += s.lines.Text() + "\n"
		if m := regexp.MustCompile(pattern).FindStringSubmatch(s.lines.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	s.t.Fatalf("%q did not come: %s", pattern, s.all)
	return ""
}

func TestServe(t *testing.T) {
	source := redistest.Start(t)
	source.Do("DEBUG", "POPULATE", "5000", "key", "100")
	want := source.Do("DEBUG", "DIGEST")
	file := filepath.Join(t.TempDir(), "dump.rdb.zst")
	if _, errs, code := tool(t, nil, "dump", source.URL(), file); code != 0 {
		t.Fatal(errs)
	}

	s := serveDump(t, []string{"REDIS_SERVE_PASSWORD=" + dumpSecret}, file, "--once")
	replica := redistest.Start(t, "--masterauth", dumpSecret)
	replica.Do("REPLICAOF", "127.0.0.1", s.port)
	s.until(": dump loaded; on the server, run REPLICAOF NO ONE")
	replica.Do("REPLICAOF", "NO", "ONE")
	s.until("disconnected")
	if err := s.c.Wait(); err != nil {
		t.Errorf("--once ends with %v", err)
	}
	if got := replica.Do("DEBUG", "DIGEST"); got != want {
		t.Errorf("the server has loaded something else: %v, %v", got, want)
	}
	if !strings.Contains(s.all, "5000 keys, ") || !strings.Contains(s.all, "RDB version 10, which Redis 7.0 and later, and Valkey, can load") || strings.Contains(s.all, dumpSecret) {
		t.Error(s.all)
	}

	// A dump that the server cannot load; and the end of serving.
	newer := filepath.Join(t.TempDir(), "newer.rdb")
	if _, errs, code := tool(t, nil, "rdb", "convert", file, newer, "--to-version", "15"); code != 0 {
		t.Fatal(errs)
	}
	s = serveDump(t, nil, newer)
	replica.Do("CONFIG", "SET", "masterauth", "")
	replica.Do("REPLICAOF", "127.0.0.1", s.port)
	s.until("disconnected before it had loaded the dump.* check its log: unsupported version")
	if err := s.c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for s.lines.Scan() {
	}
	if err := s.c.Wait(); err != nil {
		t.Errorf("ended by SIGTERM: %v", err)
	}
}
