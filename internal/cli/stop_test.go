//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
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

// endByThemselves are the commands that wait for nothing, with the reason.
var endByThemselves = map[string]string{
	"rules list":            "prints what is in the program",
	"rules show":            "prints what is in the program",
	"policy export":         "writes what is in the program",
	"version":               "prints what is in the program",
	"help":                  "prints what is in the program",
	"completion bash":       "prints what is in the program",
	"completion zsh":        "prints what is in the program",
	"completion fish":       "prints what is in the program",
	"completion powershell": "prints what is in the program",
}

// waitingCommands gives, for every other command, arguments with which it waits: for the other end of a pipe, standard input, a
// server, the API server, a template, Git, another run that has locked the repository.
func waitingCommands(t *testing.T, dir, locked string) map[string][][]string {
	kubeconfig := filepath.Join(dir, "kubeconfig")
	writeTree(t, dir, map[string]string{"kubeconfig": "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: 'http://" + silent(t) + "'}\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\nusers:\n- name: a\n  user: {}\n"})
	pipe, dump, out, page := filepath.Join(dir, "pipe"), filepath.Join(dir, "dump.rdb"), filepath.Join(dir, "out.rdb"), filepath.Join(dir, "page")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writeTree(t, dir, map[string]string{"dump.rdb": "REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00", "page/index.html": "<!doctype html>", "page/core.json": "{}"})
	redis := "redis://" + silent(t)
	live := []string{"--kubeconfig", kubeconfig, "-n", "shop"}
	return map[string][][]string{
		"init":                 {{locked}},
		"generate application": {{"new", "-C", locked}},
		"generate resource":    {{"shop", "redis", "-C", locked}},
		"generate deployment":  {{"shop", "deployment", "-C", locked}},
		"generate update":      {{"-C", locked}, {"old", "--dry-run"}},
		"destroy resource":     {{"shop", "redis", "-C", locked}},
		"destroy application":  {{"shop", "-C", locked}},
		"destroy deployment":   {{"shop", "deployment", "-C", locked}},
		"list":                 {{"slow"}},
		"lint":                 {{}, {"--timeout", "0"}, {"--max-memory", "0"}, {"--new-from-rev", "HEAD"}, {"--fix", "-C", locked}},
		"render":               {{}, {"slow"}, {"--only", "redis"}},
		"undo":                 {{"-C", locked}},
		"url":                  {{"slow"}, append([]string{"slow", "--live"}, live...)},
		"sentinel-url":         {{"slow"}},
		"cli":                  {append([]string{"shop"}, live...), {"slow", "--kubeconfig", kubeconfig}},
		"sentinel-cli":         {append([]string{"shop"}, live...)},
		"failover":             {append([]string{"shop"}, live...)},
		"operators":            {{}},
		"primaries":            {live},
		"port-forward":         {append([]string{"shop"}, live...)},
		"doctor":               {append([]string{"shop"}, live...)},
		"import":               {{pipe, redis}, {"-", redis}, {"http://" + silent(t) + "/dump.rdb", redis}, {redis, redis}},
		"dump":                 {{redis, out}, {redis, "-"}, append([]string{"shop", out}, live...)},
		"rdb info":             {{pipe}, {"-"}},
		"rdb verify":           {{pipe}, {"-"}},
		"rdb keys":             {{pipe}, {"-"}},
		"rdb show":             {{pipe, "key"}, {"-", "key"}},
		"rdb tree":             {{pipe}, {"-"}},
		"rdb diff":             {{pipe, dump}, {dump, pipe}},
		"rdb convert":          {{pipe, out, "--to-version", "7.0"}, {"-", out, "--to-version", "7.0"}},
		"rdb filter":           {{pipe, out}, {"-", out}},
		"rdb serve":            {{dump, "--listen", "127.0.0.1:0"}},
		"evaluate-rules":       {{}},
		"web":                  {{"--page", page}},
	}
}

// TestSignal ends every command while it waits. A new command has to be in one of the two tables.
func TestSignal(t *testing.T) {
	dir, locked := t.TempDir(), t.TempDir()
	writeTree(t, dir, slowChart)
	writeTree(t, dir, map[string]string{"applications/old/Chart.yaml": "apiVersion: v2\nname: old\nversion: 1.0.0\n", "applications/old/values.yaml": "a: 1\n", "applications/old/templates/redis.yaml": "kind: RedisFailover\n",
		".git/HEAD": "ref: refs/heads/main\n", ".git/objects/info/packs": "", ".git/refs/heads/none": "", "bin/git": "#!/bin/sh\nexec sleep 60\n"})
	if err := os.Chmod(filepath.Join(dir, "bin", "git"), 0o755); err != nil {
		t.Fatal(err)
	}
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
	tool, waiting := builtTool(t), waitingCommands(t, dir, locked)
	known := leaves()
	for name := range known {
		if (waiting[name] == nil) == (endByThemselves[name] == "") {
			t.Errorf("command %q has to be in one of the two tables of stop_test.go: waitingCommands, with arguments with which it waits, or endByThemselves, with the reason why it never does", name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(waiting)), slices.Collect(maps.Keys(endByThemselves))) {
		if known[name] == nil && name != "help" && !strings.HasPrefix(name, "completion ") {
			t.Errorf("there is no command %q any more", name)
		}
	}
	for name, calls := range waiting {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			var all sync.WaitGroup
			for _, args := range calls {
				for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
					all.Go(func() { signalled(t, tool, dir, append(strings.Fields(name), args...), signal) })
				}
			}
			all.Wait()
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
