package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
)

const dumpSecret = "s3cret-of-the-test"

// tool runs the command as a process of its own, and gives what it prints and its exit code.
func tool(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "redis-gitops", args...)
	c.Env = append(os.Environ(), env...)
	return runTool(t, c)
}

// toolIn runs the program with something on standard input.
func toolIn(t *testing.T, in []byte, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "redis-gitops", args...)
	c.Stdin = bytes.NewReader(in)
	return runTool(t, c)
}

func runTool(t *testing.T, c *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), errs.String()} {
		if strings.Contains(text, dumpSecret) {
			t.Errorf("%q prints the password: %s", c.Args, text)
		}
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// files are the names in a folder, hidden ones too.
func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

func loadedDigest(t *testing.T, file string) any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return redistest.StartDump(t, data).Do("DEBUG", "DIGEST")
}

func TestDump(t *testing.T) {
	s, authority := redistest.StartTLS(t, "--requirepass", dumpSecret, "--repl-diskless-sync-delay", "0")
	s.Password = dumpSecret
	s.Do("DEBUG", "POPULATE", "3000")
	s.Do("ACL", "SETUSER", "noreplica", "on", ">"+dumpSecret, "~*", "+@all", "-psync", "-sync")
	dir := t.TempDir()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	password := []string{"REDIS_PASSWORD=" + dumpSecret}
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(file string, more ...string) (stdout, stderr string, code int) {
		return tool(t, password, append([]string{"dump", s.URL(), file, "--tls-ca", ca}, more...)...)
	}

	want := s.Do("DEBUG", "DIGEST")
	out, errs, code := run(at("dump.rdb"))
	if code != 0 || !strings.Contains(out, "dump.rdb: 3000 keys, ") || !strings.Contains(out, "RDB version 10, checksum OK, from master "+s.Addr()) || errs != "" {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	if got := loadedDigest(t, at("dump.rdb")); got != want {
		t.Error("the server loads something else")
	}
	if info, err := os.Stat(at("dump.rdb")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if out, errs, code := tool(t, nil, "rdb", "verify", "--values", at("dump.rdb")); code != 0 || !strings.Contains(out, "3000 keys") {
		t.Error(out, errs)
	}

	// Packed, and to standard output.
	if _, errs, code := run(at("dump.rdb.zst")); code != 0 {
		t.Error(errs)
	}
	if out, errs, code := tool(t, nil, "rdb", "verify", at("dump.rdb.zst")); code != 0 || !strings.Contains(out, "3000 keys") {
		t.Error(out, errs)
	}
	out, errs, code = run("-")
	saved, err := rdb.Save(io.Discard, strings.NewReader(out))
	if err != nil || saved.Keys != 3000 || code != 0 || !strings.HasPrefix(errs, "3000 keys, ") {
		t.Errorf("%+v, %v, %s", saved, err, errs)
	}

	// Forbidden: said, and with --scan read key by key.
	_, errs, code = run(at("no.rdb"), "--username", "noreplica")
	if code != exitcode.Error || !strings.Contains(errs, "rejects PSYNC (NOPERM") || !strings.Contains(errs, "use --scan") {
		t.Errorf("%d: %s", code, errs)
	}
	out, errs, code = run(at("scan.rdb"), "--username", "noreplica", "--scan")
	if code != 0 || !strings.Contains(errs, "reading key by key, which is not a consistent snapshot") || !strings.Contains(out, "scan.rdb: 3000 keys, RDB version 10, read key by key from master") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	if got := loadedDigest(t, at("scan.rdb")); got != want {
		t.Error("read key by key, the server loads something else")
	}

	for _, tt := range []struct {
		env  []string
		args []string
		want string
	}{
		{nil, []string{"dump", s.URL(), at("x.rdb"), "--tls-ca", ca}, "password"},
		{[]string{"REDIS_PASSWORD=wrong"}, []string{"dump", s.URL(), at("x.rdb"), "--tls-ca", ca}, "wrong user or password"},
		{password, []string{"dump", s.URL(), at("x.rdb")}, "--tls-ca"},
		{password, []string{"dump", "localhost", at("x.rdb")}, "is not a server URL"},
		{password, []string{"dump", s.URL(), at("none/x.rdb"), "--tls-ca", ca}, "no such file or directory; nothing was changed"},
		{password, []string{"dump", s.URL(), dir, "--tls-ca", ca}, "it is a directory"},
		{password, []string{"dump", s.URL(), at("x.rdb"), "--tls-ca", ca, "--progress", "jsno"}, `did you mean "json"`},
		{password, []string{"dump", "redis://127.0.0.1:" + strconv.Itoa(redistest.FreePort(t)), at("x.rdb")}, "connection refused"},
		{nil, []string{"dump", s.URL()}, "FILE is missing; usage: redis-gitops dump SOURCE FILE"},
	} {
		if out, errs, code := tool(t, tt.env, tt.args...); code != exitcode.Error || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: %d: %s%s", tt.args, code, out, errs)
		}
	}
	if got := strings.Join(files(t, dir), " "); got != "dump.rdb dump.rdb.zst scan.rdb" {
		t.Errorf("files: %s", got)
	}
}

// A dump of a node of a cluster has only its own slots, which nobody may take for all.
func TestDumpCluster(t *testing.T) {
	s := redistest.Start(t, "--cluster-enabled", "yes", "--databases", "1", "--repl-diskless-sync-delay", "0")
	file := filepath.Join(t.TempDir(), "dump.rdb")
	if _, errs, code := tool(t, nil, "dump", s.URL(), file); code != exitcode.Error || !strings.Contains(errs, "--cluster check") {
		t.Errorf("a cluster without slots: %d: %s", code, errs)
	}
	_, errs, code := tool(t, nil, "dump", s.URL(), file, "--only-node")
	if code != 0 || !strings.Contains(errs, "is a node of a Redis Cluster; the dump contains only the keys of its own slots") {
		t.Errorf("%d: %s", code, errs)
	}
}

// A disk that is full: said, and nothing is left of it.
func TestDumpDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	s.Do("DEBUG", "POPULATE", "20000", "key", "50")
	file := filepath.Join(disk, "dump.rdb")
	if err := os.WriteFile(file, []byte("the dump of yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := tool(t, nil, "dump", s.URL(), file)
	if code != exitcode.Error || !strings.Contains(errs, "cannot write "+file+": no space left on device; nothing was changed") {
		t.Errorf("%d: %s", code, errs)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "the dump of yesterday" || len(files(t, disk)) != 1 {
		t.Errorf("%q, %v, %v", data, err, files(t, disk))
	}
}

// Ended half way, by a signal that can be caught or not, a dump leaves nothing, and its password was in no list of processes.
func TestDumpKilled(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--rdb-key-save-delay", "100", "--requirepass", dumpSecret)
	s.Password = dumpSecret
	s.Do("DEBUG", "POPULATE", "200000", "key", "200")
	for _, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM} {
		dir := t.TempDir()
		file := filepath.Join(dir, "dump.rdb")
		if err := os.WriteFile(file, []byte("the dump of yesterday"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		c := exec.CommandContext(ctx, "redis-gitops", "dump", s.URL(), file, "--progress", "json")
		c.Env = append(os.Environ(), "REDIS_PASSWORD="+dumpSecret)
		pipe, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		printed := ""
		for lines.Scan() {
			printed += lines.Text() + "\n"
			if strings.Contains(lines.Text(), `"stage":"receiving"`) {
				break
			}
		}
		line, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process.Pid) + "/cmdline")
		if err == nil && (!bytes.Contains(line, []byte("dump")) || bytes.Contains(line, []byte(dumpSecret))) {
			t.Errorf("the list of processes has %q", line)
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			printed += lines.Text() + "\n"
		}
		_ = c.Wait()
		cancel()
		if c.ProcessState.Success() {
			t.Fatalf("%v came too late", signal)
		}
		if signal != syscall.SIGKILL && !strings.Contains(printed, "interrupted; nothing was changed") {
			t.Errorf("%v: %s", signal, printed)
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != "the dump of yesterday" || len(files(t, dir)) != 1 {
			t.Errorf("%v: %.100q, %v, %v", signal, data, err, files(t, dir))
		}
		if strings.Contains(printed, dumpSecret) {
			t.Error("the password is printed")
		}
	}
}
