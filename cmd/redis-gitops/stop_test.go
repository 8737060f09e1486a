//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// builtTool gives the program as a file: TestMain has made one.
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

// leaves gives the commands that do something, by their paths.
func leaves() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			each(sub)
		}
		if c.Runnable() && len(c.Commands()) == 0 {
			all[strings.TrimPrefix(c.CommandPath(), "redis-gitops ")] = c
		}
	}
	each(newApp().rootCommand())
	return all
}

// TestSignal ends every command that may wait for something, while it waits: for the other end of a pipe, standard input, a
// server, the API server, a template.
func TestSignal(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	writeTree(t, dir, slowChart)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	writeTree(t, dir, map[string]string{"kubeconfig": "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: 'http://" + silent(t) + "'}\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\nusers:\n- name: a\n  user: {}\n"})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	redis := "redis://" + silent(t)
	out := filepath.Join(dir, "out.rdb")
	live := []string{"--kubeconfig", kubeconfig, "-n", "shop"}
	waiting := map[string][][]string{
		"lint":            {{}, {"--timeout", "0"}},
		"url":             {{"slow"}, append([]string{"slow", "--live"}, live...)},
		"sentinel-url":    {{"slow"}},
		"cli":             {append([]string{"shop"}, live...)},
		"sentinel-cli":    {append([]string{"shop"}, live...)},
		"failover":        {append([]string{"shop"}, live...)},
		"primaries":       {live},
		"port-forward":    {append([]string{"shop"}, live...)},
		"doctor":          {append([]string{"shop"}, live...)},
		"import":          {{pipe, redis}, {"-", redis}, {"http://" + silent(t) + "/dump.rdb", redis}, {redis, redis}},
		"dump":            {{redis, out}, {redis, "-"}, append([]string{"shop", out}, live...)},
		"rdb info":        {{pipe}, {"-"}},
		"rdb verify":      {{pipe}, {"-"}},
		"rdb convert":     {{pipe, out, "--to-version", "7.0"}, {"-", out, "--to-version", "7.0"}},
		"rdb filter":      {{pipe, out}, {"-", out}},
		"generate update": {{"slow"}},
	}
	// These end by themselves in milliseconds, or have a test of their own: what asks is in TestInterrupt, web in TestWeb.
	short := []string{"init", "generate application", "generate resource", "generate deployment", "destroy resource", "destroy deployment", "rules list", "rules show",
		"policy export", "version", "rdb serve", "evaluate-rules", "web"}
	for name := range leaves() {
		if waiting[name] == nil && !slices.Contains(short, name) && !strings.HasPrefix(name, "completion") && name != "help" {
			t.Errorf("command %q is not known here; add how it can wait, or that it ends by itself", name)
		}
	}
	delete(waiting, "generate update") // its plan renders nothing that could be slow
	for name, calls := range waiting {
		for i, args := range calls {
			for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
				t.Run(fmt.Sprintf("%s/%d/%v", strings.ReplaceAll(name, " ", "_"), i, signal), func(t *testing.T) {
					t.Parallel()
					signalled(t, dir, append(strings.Fields(name), args...), signal)
				})
			}
		}
	}
}

// signalled starts a command that waits, sends it a signal and expects its end.
func signalled(t *testing.T, dir string, args []string, signal syscall.Signal) {
	temp := t.TempDir()
	c := exec.Command(builtTool(t), append([]string{"-C", dir}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp, "XDG_STATE_HOME="+temp+"/state")
	stdin, err := c.StdinPipe() // never written to
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v: %s", err, out.String())
	case <-time.After(1500 * time.Millisecond): // also on a busy machine it has begun by then
	}
	if err := c.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		_ = c.Process.Kill()
		t.Fatalf("did not end after %v", signal)
	}
	// A second is promised; a busy machine may take longer to schedule it.
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %v to end", took)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != exitError || err == nil && !strings.Contains(strings.Join(args, " "), "port-forward") {
		t.Errorf("ended with %v: %s", err, out.String())
	}
	if strings.Contains(out.String(), "goroutine ") || strings.Contains(out.String(), "panic") {
		t.Errorf("crashed: %s", out.String())
	}
	if left, err := filepath.Glob(filepath.Join(temp, "redis-gitops-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.rdb")); err == nil {
		t.Error("wrote a part of its output")
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
	if !ok || !status.Signaled() && status.ExitStatus() != exitError {
		t.Errorf("ended with %v", c.ProcessState)
	}
}

// TestWatch ends the process of a run that does not look at its context, after what it left has been put in order.
func TestWatch(t *testing.T) {
	ended := make(chan int, 1)
	var out bytes.Buffer
	a := newApp()
	a.err = &out
	a.exit = func(code int) { ended <- code }
	cleaned, kept := 0, 0
	a.leftovers.add(func() { cleaned++ })
	a.leftovers.add(func() { kept++ })()
	ctx, cancel := context.WithCancel(context.Background())
	defer a.watch(ctx, time.Millisecond)()
	cancel()
	select {
	case code := <-ended:
		if code != exitError || cleaned != 1 || kept != 0 || out.String() != "error: interrupted\n" {
			t.Errorf("exit code %d, cleaned %d and %d, %q", code, cleaned, kept, out.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the process went on")
	}
	// A run that ends in time is left alone.
	ctx, cancel = context.WithCancel(context.Background())
	stop := a.watch(ctx, 50*time.Millisecond)
	cancel()
	stop()
	select {
	case <-ended:
		t.Error("a run that had ended was ended again")
	case <-time.After(300 * time.Millisecond):
	}
}
