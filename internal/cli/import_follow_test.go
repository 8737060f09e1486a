package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// startFollow runs import --follow and gives what it prints.
func startFollow(t *testing.T, source, target string, args ...string) (c *exec.Cmd, stdout, stderr *redistest.Screen) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c = exec.CommandContext(ctx, "redis-gitops", append([]string{"import", source, target, "--follow", "--progress", "json"}, args...)...)
	c.Env = append(c.Environ(), "TMPDIR="+t.TempDir())
	stdout, stderr = &redistest.Screen{}, &redistest.Screen{}
	c.Stdout, c.Stderr = stdout, stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, stdout, stderr
}

// followPair is a source with some keys and an empty target.
func followPair(t *testing.T) (source, target *redistest.Server) {
	t.Helper()
	source, target = redistest.Start(t, "--repl-diskless-sync-delay", "0"), redistest.Start(t)
	source.Do("EVAL", "for i=1,3000 do redis.call('SET','key:'..i,i) end", "0")
	return source, target
}

// writable fails unless the source takes a write at once.
func writable(t *testing.T, s *redistest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := (&redis.Target{Addrs: []string{s.Addr()}}).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Do(ctx, "SET", "probe", "1"); err != nil {
		t.Errorf("the source takes no writes: %v", err)
	}
}

// Ctrl-C cuts over a target that has caught up, and ends one that has not; --resume continues that.
func TestImportFollowInterrupted(t *testing.T) {
	source, target := followPair(t)
	c, stdout, stderr := startFollow(t, source.URL(), target.URL())
	behind := func() bool { return !strings.Contains(stderr.String(), `"lag":0}`) && c.ProcessState == nil }
	redistest.Until(t, "the target has caught up", func() bool { return !behind() })
	target.Signal(syscall.SIGSTOP)
	for i := range 50 {
		source.Do("INCR", "counter:"+strconv.Itoa(i))
	}
	time.Sleep(500 * time.Millisecond) // the source is asked for its offset
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	target.Signal(syscall.SIGCONT)
	if text := stderr.String(); c.ProcessState.ExitCode() != exitcode.Error || !strings.Contains(text, "interrupted before the cut-over") || !strings.Contains(text, "or --resume to continue") {
		t.Fatalf("%v: %s%.2000s", c.ProcessState, stdout, text)
	}
	writable(t, source)

	c, stdout, stderr = startFollow(t, source.URL(), target.URL(), "--resume")
	redistest.Until(t, "the target has caught up", func() bool { return target.Do("EXISTS", "probe") == int64(1) && !behind() })
	time.Sleep(500 * time.Millisecond)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	text := stdout.String() + stderr.String()
	if c.ProcessState.ExitCode() != 0 || !strings.Contains(text, "cut over: "+target.URL()+" is equal to "+source.URL()) || !strings.Contains(text, "writers were paused for ") || !strings.Contains(text, "resumed at offset") {
		t.Fatalf("%v: %s", c.ProcessState, text)
	}
	if a, b := source.Do("DEBUG", "DIGEST"), target.Do("DEBUG", "DIGEST"); a != b {
		t.Errorf("digest %v, want %v", b, a)
	}
}

// A program reads what came of it. The source keeps its writers waiting, for no longer than it was told.
func TestImportFollowJSON(t *testing.T) {
	source, target := followPair(t)
	target.Do("SET", "old", "1")
	c, stdout, stderr := startFollow(t, source.URL(), target.URL(), "--cutover", "--flush", "--yes", "--output", "json", "--max-pause", "2s", "--verify", "full")
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	var report struct {
		Total  struct{ Written uint64 }
		Follow struct {
			CutOver      bool
			PauseSeconds float64
			PausedUntil  time.Time
			Compared     uint64
			Offset       int64
			Snapshots    int
		}
	}
	d := json.NewDecoder(bytes.NewReader([]byte(stdout.String())))
	if err := d.Decode(&report); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	f := report.Follow
	if report.Total.Written != 3000 || !f.CutOver || f.PauseSeconds <= 0 || f.Compared != 3000 || f.Snapshots != 1 || f.Offset < 0 || time.Until(f.PausedUntil) > 2*time.Second {
		t.Errorf("%+v", report)
	}
	if a, b := source.Do("DEBUG", "DIGEST"), target.Do("DEBUG", "DIGEST"); a != b {
		t.Errorf("digest %v, want %v", b, a)
	}
	writable(t, source) // once the pause is over

	// What differs is listed, and the source takes writes.
	c, stdout, stderr = startFollow(t, source.URL(), target.URL(), "--flush", "--yes")
	redistest.Until(t, "the target has caught up", func() bool { return strings.Contains(stderr.String(), `"lag":0}`) })
	target.Do("SET", "another", "1")
	time.Sleep(300 * time.Millisecond)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	if text := stderr.String(); c.ProcessState.ExitCode() != exitcode.Findings || !strings.Contains(text, `key "another" in database 0: is not in the source`) || !strings.Contains(text, "its clients must stay with it") {
		t.Errorf("%v: %s%s", c.ProcessState, stdout, text)
	}
	writable(t, source)
}

// Nothing but Ctrl-C cuts over: a target that has caught up is left by SIGTERM and SIGKILL, and gone on with. The last is a source that
// does not pause its writers, which Ctrl-C leaves alone.
func TestImportFollowEnded(t *testing.T) {
	source, target := followPair(t)
	source.Do("ACL", "SETUSER", "follower", "on", ">"+dumpSecret, "~*", "+@all", "-client|pause")
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT} {
		args, from, ready := []string(nil), source.URL(), `"lag":0}`
		if end != syscall.SIGTERM {
			args = []string{"--resume"}
		}
		if end == syscall.SIGINT {
			args, ready = append(args, "--cutover", "--source-username", "follower", "--source-password-file", secretFile(t)), "stop them now"
		}
		c, stdout, stderr := startFollow(t, from, target.URL(), args...)
		redistest.Until(t, "it is there", func() bool { return strings.Contains(stderr.String(), ready) })
		if err := c.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		if text := stderr.String(); end != syscall.SIGKILL && (c.ProcessState.ExitCode() != exitcode.Error || !strings.Contains(text, "interrupted before the cut-over")) || strings.Contains(text, dumpSecret) {
			t.Errorf("%v: %v: %s%.2000s", end, c.ProcessState, stdout, text)
		}
		writable(t, source)
	}
	c, stdout, stderr := startFollow(t, source.URL(), target.URL(), "--resume", "--cutover")
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	if a, b := source.Do("DEBUG", "DIGEST"), target.Do("DEBUG", "DIGEST"); a != b {
		t.Errorf("digest %v, want %v", b, a)
	}
}

// secretFile is a file with the password of the test.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(dumpSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
