//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// builtTool returns the program as a file: TestMain has made one.
func builtTool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-gitops")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// silent listens, accepts and never answers.
func silent(t *testing.T) string {
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
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	return l.Addr().String()
}

// writeTree writes files below a directory.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// slowChart takes far longer to render than a test waits.
var slowChart = map[string]string{
	".redis-gitops.yaml":                     "",
	"applications/slow/Chart.yaml":           "apiVersion: v2\nname: slow\nversion: 1.0.0\n",
	"applications/slow/values.yaml":          "a: 1\n",
	"applications/slow/templates/redis.yaml": "{{- range until 100000 }}{{- range until 100000 }}{{- range until 100000 }}{{- end }}{{- end }}{{- end }}\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: slow\n",
}

// slowRecord makes a resource of that chart a generated one.
const slowRecord = "version: 1\ncommand: generate resource slow redis\napplication: slow\nfolder: resources\ntype: redis\nname: redis\ngenerator: built-in redis.yaml\n" +
	"placeholders: {application: slow, name: redis, camelName: redis, suffix: \"\", namespace: default}\nfiles: []\n"

// waiting makes what a command can wait for, by the names that the scripts have for it: the other end of a pipe, a server, the API
// server, another run that has locked the repository.
func waiting(t *testing.T, dir, locked string) map[string]string {
	kubeconfig := filepath.Join(dir, "kubeconfig")
	writeTree(t, dir, map[string]string{"kubeconfig": "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: 'http://" + silent(t) + "'}\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\nusers:\n- name: a\n  user: {}\n"})
	pipe, dump, out, page := filepath.Join(dir, "pipe"), filepath.Join(dir, "dump.rdb"), filepath.Join(dir, "out.rdb"), filepath.Join(dir, "page")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writeTree(t, dir, map[string]string{"dump.rdb": "REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00", "page/index.html": "<!doctype html>", "page/core.json": "{}"})
	return map[string]string{
		"KUBECONFIG": kubeconfig, "PIPE": pipe, "DUMP": dump, "OUT": out, "PAGE": page, "LOCKED": locked,
		"REDIS": "redis://" + silent(t), "HTTP": "http://" + silent(t),
	}
}

// TestSignal ends every command while it waits, with the arguments that its script has for that.
func TestSignal(t *testing.T) {
	dir, locked := t.TempDir(), t.TempDir()
	writeTree(t, dir, slowChart)
	writeTree(t, dir, map[string]string{"applications/old/Chart.yaml": "apiVersion: v2\nname: old\nversion: 1.0.0\n", "applications/old/values.yaml": "a: 1\n", "applications/old/templates/redis.yaml": "kind: RedisFailover\n",
		".git/HEAD": "ref: refs/heads/main\n", ".git/objects/info/packs": "", ".git/refs/heads/none": "", "bin/git": "#!/bin/sh\nexec sleep 60\n"})
	if err := os.Chmod(filepath.Join(dir, "bin", "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	writeTree(t, locked, map[string]string{".redis-gitops.yaml": ""})
	other, err := rootfs.Open(locked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	writeTree(t, dir, map[string]string{".redis-gitops/generated/slow/redis.yaml": slowRecord})
	tool, names, all := builtTool(t), waiting(t, dir, locked), runsOf(t, "TestSignal")
	all.check(t, "TestSignal", "with arguments with which it waits")
	for name, calls := range all.calls {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			var group sync.WaitGroup
			for _, c := range calls {
				args := slices.Clone(c.args)
				for i := range args {
					args[i] = os.Expand(args[i], func(name string) string { return names[name] })
				}
				for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
					group.Go(func() { signalled(t, tool, dir, args, signal) })
				}
			}
			group.Wait()
		})
	}
}

// endsWell are commands that a signal is meant to end.
var endsWell = regexp.MustCompile(`^(port-forward|web|rdb serve)`)

// signalled starts a command that waits, sends it a signal and expects its end. Several run at once in one test: it never calls t.Fatal.
func signalled(t *testing.T, tool, dir string, args []string, signal syscall.Signal) {
	temp, problem := t.TempDir(), func(format string, values ...any) {
		t.Errorf("%q, %v: %s", args, signal, fmt.Sprintf(format, values...))
	}
	c := exec.Command(tool, append([]string{"-C", dir}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp, "XDG_STATE_HOME="+temp+"/state")
	stdin, err := c.StdinPipe() // never written to
	if err != nil {
		problem("%v", err)
		return
	}
	defer stdin.Close()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		problem("%v", err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		problem("it did not wait: %v: %s", err, out.String())
		return
	case <-time.After(1500 * time.Millisecond): // also on a busy machine it has begun by then
	}
	if err := c.Process.Signal(signal); err != nil {
		problem("%v", err)
		return
	}
	began := time.Now()
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		_ = c.Process.Kill()
		problem("did not end")
		return
	}
	// A second is promised; a busy machine may take longer to schedule it.
	if took := time.Since(began); took > 4*time.Second {
		problem("took %v to end", took)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != exitcode.Error || err == nil && !endsWell.MatchString(strings.Join(args, " ")) {
		problem("ended with %v: %s", err, out.String())
	}
	if strings.Contains(out.String(), "goroutine ") || strings.Contains(out.String(), "panic") {
		problem("crashed: %s", out.String())
	}
	if left, err := filepath.Glob(filepath.Join(temp, "redis-gitops-*")); err != nil || len(left) > 0 {
		problem("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.rdb")); err == nil {
		problem("wrote a part of its output")
	}
}

// TestSecondSignal ends a run at once, whatever it is doing.
func TestSecondSignal(t *testing.T) {
	c := exec.Command(builtTool(t), "rdb", "info", "-")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	for range 2 {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	_ = c.Wait()
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() && status.ExitStatus() != exitcode.Error {
		t.Errorf("ended with %v", c.ProcessState)
	}
}
