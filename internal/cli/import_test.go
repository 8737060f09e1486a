package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

const importKeys = 8000

var mixDump = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	err := rdbmix.WriteLarge(&b, importKeys, 6)
	return b.Bytes(), err
})

// mixFile writes a dump and gives its name and the digest of a server that loads it by itself.
func mixFile(t *testing.T) (file string, want any) {
	t.Helper()
	data, err := mixDump()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, redistest.StartDump(t, data).Do("DEBUG", "DIGEST")
}

// The import is killed at 20 random moments, by each method, and resumed: at the end everything is there, once.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	file, want := mixFile(t)
	random := rand.New(rand.NewPCG(3, 4))
	s := redistest.Start(t)
	for _, method := range []string{"auto", "commands"} {
		s.Do("FLUSHALL")
		checkpoint := filepath.Join(t.TempDir(), "checkpoint.json")
		kills, begun := 0, false
		for kills < 20 {
			args := []string{"import", file, s.URL(), "--checkpoint", checkpoint, "--method", method, "--rate", "6MB", "--verify", "off", "--progress", "none"}
			if begun {
				args = append(args, "--resume")
			}
			c := exec.CommandContext(t.Context(), "redis-gitops", args...)
			var output bytes.Buffer
			c.Stdout, c.Stderr = &output, &output
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			before := s.Do("DBSIZE").(int64)
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			// Killed when it has written some more, or a moment after it has begun to.
			some := int64(random.IntN(importKeys / 20))
			redistest.Until(t, "it has written some keys", func() bool {
				select {
				case err := <-ended:
					ended <- err
					return true
				default:
					return s.Do("DBSIZE").(int64) > before+some
				}
			})
			c.Process.Kill()
			err := <-ended
			if _, statErr := os.Stat(checkpoint); statErr == nil {
				begun = true
			}
			if err == nil { // it was done before
				t.Logf("%s: done after %d kills", method, kills)
				break
			}
			if c.ProcessState.ExitCode() > 0 {
				t.Fatalf("%v: %s", err, &output)
			}
			kills++
		}
		if kills < 10 {
			t.Errorf("%s: only %d kills", method, kills)
		}
		stdout, stderr, code := tool(t, nil, "import", file, s.URL(), "--checkpoint", checkpoint, "--method", method, "--resume", "--verify", "full", "--output", "json")
		if code != 0 && !strings.Contains(stderr, "no checkpoint to resume from") {
			t.Fatalf("%s: exit code %d: %s%s", method, code, stdout, stderr)
		}
		if got := s.Do("DEBUG", "DIGEST"); got != want {
			t.Errorf("%s: digest %v, want %v; %v keys, %v", method, got, want, s.Do("DBSIZE"), s.Do("KEYS", "redis-gitops*"))
		}
		if code == 0 {
			var report struct {
				Total struct{ Read, Written uint64 }
			}
			if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Total.Read != importKeys || report.Total.Written != importKeys {
				t.Errorf("%s: %v, %+v", method, err, report)
			}
		}
		if _, err := os.Stat(checkpoint); err == nil {
			t.Errorf("%s: the checkpoint was left behind", method)
		}
	}
}

// Ctrl-C says where it stopped and how to go on.
func TestImportInterrupted(t *testing.T) {
	file, want := mixFile(t)
	s := redistest.Start(t)
	state := t.TempDir()
	c := exec.CommandContext(t.Context(), "redis-gitops", "import", file, s.URL(), "--rate", "3MB")
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 200 })
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	text := output.String()
	if c.ProcessState.ExitCode() != exitcode.Error || !strings.Contains(text, "interrupted") || !strings.Contains(text, "use --resume to continue") || !strings.Contains(text, "all") {
		t.Errorf("exit code %d: %s", c.ProcessState.ExitCode(), text)
	}
	// Without --resume it says what is there.
	_, stderr, code := tool(t, []string{"XDG_STATE_HOME=" + state}, "import", file, s.URL())
	if code != exitcode.Error || !strings.Contains(stderr, ", or --resume to continue an interrupted import") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	stdout, stderr, code := tool(t, []string{"XDG_STATE_HOME=" + state}, "import", file, s.URL(), "--resume")
	if code != 0 || s.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// No password gets into output, the list of processes or the checkpoint.
func TestImportSecrets(t *testing.T) {
	t.Parallel()
	file, want := mixFile(t)
	target, source := redistest.Start(t), redistest.StartDump(t, mustRead(t, file))
	for _, s := range []*redistest.Server{target, source} {
		s.Do("ACL", "SETUSER", "importer", "on", ">"+dumpSecret, "~*", "&*", "+@all")
		s.Do("CONFIG", "SET", "requirepass", "other-"+dumpSecret)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(dumpSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	env := []string{"XDG_STATE_HOME=" + state, "REDIS_PASSWORD=" + dumpSecret}

	c := exec.CommandContext(t.Context(), "redis-gitops", "import", file, target.URL(), "--username", "importer", "--rate", "3MB", "-v", "--progress", "json")
	c.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "some keys are written", func() bool { return target.Do("DBSIZE").(int64) > 200 })
	cmdline := mustRead(t, fmt.Sprintf("/proc/%d/cmdline", c.Process.Pid))
	c.Process.Kill()
	c.Wait()
	checkpoints, err := filepath.Glob(filepath.Join(state, "redis-gitops", "import-*.json"))
	if err != nil || len(checkpoints) != 1 {
		t.Fatal(checkpoints, err)
	}
	for name, text := range map[string][]byte{"output": output.Bytes(), "list of processes": cmdline, "checkpoint": mustRead(t, checkpoints[0])} {
		if bytes.Contains(text, []byte(dumpSecret)) {
			t.Errorf("the password is in the %s: %s", name, text)
		}
	}
	if info, err := os.Stat(checkpoints[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the checkpoint is readable for others: %v, %v", info.Mode(), err)
	}

	// tool looks for the password in what these print.
	_, stderr, code := tool(t, env, "import", file, target.URL(), "--username", "importer", "--resume", "-v")
	if code != 0 || target.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	_, stderr, code = tool(t, []string{"REDIS_PASSWORD=x" + dumpSecret}, "import", file, target.URL(), "--username", "importer")
	if code != exitcode.Error || !strings.Contains(stderr, "wrong user or password") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	withPassword := strings.Replace(target.URL(), "://", "://importer:"+dumpSecret+"@", 1)
	_, stderr, code = tool(t, nil, "import", file, withPassword, "--dry-run", "--replace")
	if code != 0 || !strings.Contains(stderr, "the password in the URL is visible in the process list; use") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	_, _, _ = tool(t, nil, "import", file, strings.Replace(withPassword, "127.0.0.1", "127.0.0.1:x", 1))

	// A live source, by replication and, where that is forbidden, key by key.
	live := []string{"import", source.URL(), target.URL(), "--username", "importer", "--password-file", secret, "--source-username", "importer", "--source-password-file", secret, "--flush", "--yes"}
	stdout, stderr, code := tool(t, nil, live...)
	if code != 0 || target.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	source.Do("ACL", "SETUSER", "importer", "-psync", "-sync")
	_, stderr, code = tool(t, nil, live...)
	if code != exitcode.Error || !strings.Contains(stderr, "--scan") || target.Do("DBSIZE") != int64(importKeys) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	stdout, stderr, code = tool(t, nil, append(live, "--scan")...)
	if code != 0 || target.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	_, stderr, code = tool(t, nil, "import", target.URL(), target.URL(), "--username", "importer", "--password-file", secret,
		"--source-username", "importer", "--source-password-file", secret, "--flush", "--yes")
	if code != exitcode.Error || !strings.Contains(stderr, "are the same server") || target.Do("DBSIZE") != int64(importKeys) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every kind of source gives the same.
func TestImportSources(t *testing.T) {
	t.Parallel()
	file, want := mixFile(t)
	data := mustRead(t, file)
	dir := t.TempDir()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(data)
	z.Close()
	gz := filepath.Join(dir, "dump.rdb.gz")
	if err := os.WriteFile(gz, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	breaks := 3
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dump.rdb":
			if r.URL.Query().Get("X-Amz-Signature") != dumpSecret {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			if breaks > 0 { // the connection breaks in the middle
				breaks--
				w = &brokenWriter{w, 1_000_000}
			}
			http.ServeContent(w, r, "dump.rdb", time.Unix(1, 0), bytes.NewReader(data))
		default:
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	s := redistest.Start(t)
	for _, from := range []string{file, gz, "-", web.URL + "/dump.rdb?X-Amz-Signature=" + dumpSecret} {
		s.Do("FLUSHALL")
		c := exec.CommandContext(t.Context(), "redis-gitops", "import", from, s.URL(), "--checkpoint", "none")
		c.Env = append(os.Environ(), "TMPDIR="+dir)
		if from == "-" {
			c.Stdin = bytes.NewReader(packed.Bytes())
		}
		out, err := c.CombinedOutput()
		if err != nil || s.Do("DEBUG", "DIGEST") != want {
			t.Errorf("%s: %v: %s", from, err, out)
		}
		if bytes.Contains(out, []byte(dumpSecret)) {
			t.Errorf("the signature is in the output: %s", out)
		}
	}
	if breaks > 0 {
		t.Error("no transfer broke")
	}
	for _, tt := range []struct{ from, want string }{
		{web.URL + "/dump.rdb?X-Amz-Signature=x" + dumpSecret, "a presigned URL may have expired"},
		{web.URL + "/none", "404"},
		{filepath.Join(dir, "none"), "no such file"},
		{dir, "is a directory without an append-only file manifest"},
	} {
		_, stderr, code := tool(t, []string{"TMPDIR=" + dir}, "import", tt.from, s.URL())
		if code != exitcode.Error || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit code %d: %s", tt.from, code, stderr)
		}
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// brokenWriter closes the connection after some bytes.
type brokenWriter struct {
	http.ResponseWriter
	left int
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}

// A full disk for the checkpoint: the import stops with the right words, and goes on when there is room.
func TestImportCheckpointDisk(t *testing.T) {
	file, want := mixFile(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("a small disk cannot be made: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	s := redistest.Start(t)
	c := exec.CommandContext(t.Context(), "redis-gitops", "import", file, s.URL(), "--checkpoint", filepath.Join(disk, "c.json"), "--rate", "3MB", "--progress", "none")
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "some keys are written", func() bool { return s.Do("DBSIZE").(int64) > 200 })
	fill, err := os.Create(filepath.Join(disk, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(fill, zeros{}, 1<<20); err == nil {
		t.Fatal("the disk is not full")
	}
	fill.Close()
	c.Wait()
	if c.ProcessState.ExitCode() != exitcode.Error || !strings.Contains(output.String(), "no space left on device; free some space") {
		t.Errorf("exit code %d: %s", c.ProcessState.ExitCode(), &output)
	}
	if err := os.Remove(filepath.Join(disk, "fill")); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := tool(t, nil, "import", file, s.URL(), "--checkpoint", filepath.Join(disk, "c.json"), "--resume")
	if code != 0 || s.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A run by replication that is killed leaves the target a replica; --resume makes it a master again, with its settings.
func TestImportReplicationKilled(t *testing.T) {
	file, want := mixFile(t)
	s := redistest.Start(t, "--repl-diskless-load", "disabled")
	p := redistest.FreePort(t)
	checkpoint := filepath.Join(t.TempDir(), "c.json")
	// It announces an address where nobody is, so that it waits.
	c := exec.CommandContext(t.Context(), "redis-gitops", "import", file, s.URL(), "--method", "replication", "--checkpoint", checkpoint, "--announce", fmt.Sprintf("127.0.0.1:%d", p))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	role := func() string { return fmt.Sprint(s.Do("ROLE").([]any)[0]) }
	redistest.Until(t, "it is a replica", func() bool { return role() == "slave" })
	c.Process.Kill()
	c.Wait()
	_, stderr, code := tool(t, nil, "import", file, s.URL(), "--method", "replication", "--checkpoint", checkpoint, "--resume")
	if code != exitcode.Error || !strings.Contains(stderr, "is a master again") || role() != "master" {
		t.Errorf("exit code %d, role %s: %s", code, role(), stderr)
	}
	if got := fmt.Sprint(s.Do("CONFIG", "GET", "repl-diskless-load")); got != "[repl-diskless-load disabled]" {
		t.Error(got)
	}
	stdout, stderr, code := tool(t, nil, "import", file, s.URL(), "--method", "replication", "--checkpoint", checkpoint)
	if code != 0 || s.Do("DEBUG", "DIGEST") != want || role() != "master" {
		t.Errorf("exit code %d, role %s: %s%s", code, role(), stdout, stderr)
	}
	if got := fmt.Sprint(s.Do("CONFIG", "GET", "repl-diskless-load")); got != "[repl-diskless-load disabled]" {
		t.Error(got)
	}
}

// At a terminal a bar shows how far it is, and emptying the target is confirmed by typing its name.
func TestImportAtTerminal(t *testing.T) {
	file, want := mixFile(t)
	s := redistest.Start(t)
	s.Do("SET", "old", "value")
	run := func(answers string, args ...string) (string, int) {
		var out bytes.Buffer
		a := newApp()
		a.In, a.Out, a.Err, a.Terminal = strings.NewReader(answers), &out, &out, true
		code := a.run(t.Context(), append([]string{"import", file, s.URL(), "--flush", "--checkpoint", "none"}, args...))
		return out.String(), code
	}
	for _, answer := range []string{"", "yes\n", "redis://\n"} {
		out, code := run(answer)
		if code != exitcode.Error || !strings.Contains(out, "Type "+s.URL()+" to continue") || s.Do("GET", "old") != "value" {
			t.Errorf("answer %q: exit code %d: %s", answer, code, out)
		}
	}
	out, code := run(s.URL()+"\n", "--rate", "20MB")
	if code != exitcode.OK || s.Do("DEBUG", "DIGEST") != want {
		t.Errorf("exit code %d: %s", code, out)
	}
	if !strings.Contains(out, "\r\x1b[K") || !strings.Contains(out, "[####") || !strings.Contains(out, " keys, ") {
		t.Errorf("no bar: %q", out)
	}
}
