package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// newShop makes a repository with one application.
func newShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", dir}, {"generate", "application", "shop"}} {
		var out bytes.Buffer
		a := newApp()
		a.Out, a.Err = &out, &out
		if code := a.run(context.Background(), append([]string{"-C", dir}, args...)); code != exitcode.OK {
			t.Fatal(out.String())
		}
	}
	return dir
}

// closedWriter takes n bytes.
type closedWriter struct{ n int }

func (w *closedWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return 0, errors.New("no space left on device")
	}
	w.n -= len(p)
	return len(p), nil
}

// TestFullOutput has no room for the patch: half of one must not look like a whole one.
func TestFullOutput(t *testing.T) {
	var problems bytes.Buffer
	a := newApp()
	a.Out, a.Err = &closedWriter{}, &problems
	code := a.run(context.Background(), []string{"-C", newShop(t), "generate", "resource", "shop", "redis", "--dry-run"})
	if code != exitcode.Error || !strings.Contains(problems.String(), "cannot write the output: no space left on device") {
		t.Errorf("exit code %d, %s", code, problems.String())
	}
}

// TestInterrupt presses Ctrl-C while the tool asks, and before it writes.
func TestInterrupt(t *testing.T) {
	dir := newShop(t)
	if err := os.WriteFile(filepath.Join(dir, "generators", "resources", "queue.yaml"), []byte("kind: Queue\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	never, hold := io.Pipe()
	defer hold.Close()
	asked := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "Resource type?") {
			cancel()
		}
		return len(p), nil
	})
	var out bytes.Buffer
	a := newApp()
	a.In, a.Out, a.Err, a.Terminal = never, &out, io.MultiWriter(asked, &out), true
	if code := a.run(ctx, []string{"-C", dir, "generate", "resource", "shop"}); code != exitcode.Error || !strings.Contains(out.String(), "interrupted; nothing was changed") {
		t.Errorf("while it asks: exit code %d, %s", code, out.String())
	}
	out.Reset()
	a = newApp()
	a.Out, a.Err = &out, &out
	if code := a.run(ctx, []string{"-C", dir, "generate", "resource", "shop", "redis"}); code != exitcode.Error || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("before it writes: exit code %d, %s", code, out.String())
	}
	if tree(t, dir) != before {
		t.Error("something was written")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestTwoAtOnce runs several at the same time: each waits for the ones before it, and the outcome is that of all.
func TestTwoAtOnce(t *testing.T) {
	dir := newShop(t)
	const runs = 4 // a run waits 10 seconds for the others, which is long only where the machine is not busy
	done := make(chan string, runs)
	for i := range runs {
		go func() {
			var out bytes.Buffer
			a := newApp()
			a.Out, a.Err = &out, &out
			if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", "redis", "--suffix", fmt.Sprintf("s%d", i)}); code != exitcode.OK {
				done <- out.String()
				return
			}
			done <- ""
		}()
	}
	for range runs {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
	values, err := os.ReadFile(filepath.Join(dir, "applications", "shop", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		if n := strings.Count(string(values), fmt.Sprintf("\n  redisS%d:\n", i)); n != 1 {
			t.Errorf("redisS%d stands %d times in values.yaml", i, n)
		}
	}
}

// TestLocked gives up when the other run does not end, or the user presses Ctrl-C.
func TestLocked(t *testing.T) {
	dir := newShop(t)
	other, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	a := newApp()
	a.Out, a.Err = &out, io.MultiWriter(&out, writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "waiting for another redis-gitops") {
			cancel()
		}
		return len(p), nil
	}))
	code := a.run(ctx, []string{"-C", dir, "-v", "generate", "resource", "shop", "redis"})
	if code != exitcode.Error || !strings.HasSuffix(out.String(), "error: interrupted\n") {
		t.Errorf("exit code %d, %s", code, out.String())
	}
	// Who only reads does not wait.
	a = newApp()
	a.Out, a.Err = io.Discard, io.Discard
	if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", "redis", "--dry-run"}); code != exitcode.OK {
		t.Errorf("a dry run: exit code %d", code)
	}
}

// countingFs counts what is asked of the disk.
type countingFs struct {
	*rootfs.FS
	calls int
}

func (c *countingFs) Open(name string) (afero.File, error) { c.calls++; return c.FS.Open(name) }
func (c *countingFs) Stat(name string) (fs.FileInfo, error) {
	c.calls++
	return c.FS.Stat(name)
}
func (c *countingFs) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	c.calls++
	return c.FS.OpenFile(name, flag, perm)
}
func (c *countingFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	c.calls++
	return c.FS.LstatIfPossible(name)
}

// TestDoesNotGrow proves that generate asks as much of the disk whether there are 2 applications or 200.
func TestDoesNotGrow(t *testing.T) {
	var counts []int
	for _, n := range []int{2, 200} {
		dir := newShop(t)
		for i := 1; i < n; i++ {
			if err := os.CopyFS(filepath.Join(dir, "applications", fmt.Sprintf("app-%d", i)), os.DirFS(filepath.Join(dir, "applications", "shop"))); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		a := newApp()
		a.Out, a.Err = &out, &out
		var counting *countingFs
		a.OpenFS = func(dir string) (env.FS, error) {
			root, err := rootfs.Open(dir)
			counting = &countingFs{FS: root}
			return counting, err
		}
		if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", "redis", "--profile", "queue"}); code != exitcode.OK {
			t.Fatal(out.String())
		}
		counts = append(counts, counting.calls)
	}
	t.Logf("%d calls", counts[0])
	if counts[0] != counts[1] || counts[0] == 0 {
		t.Errorf("2 applications cost %d calls, 200 cost %d", counts[0], counts[1])
	}
}

// TestFailedOpenUnlocks wants a run that fails to give the lock back before its process ends: the page serves many from one process.
func TestFailedOpenUnlocks(t *testing.T) {
	for _, config := range []string{"", "nonsense: 1\n", "a: [\n", "layout: {applications: ../out}\n"} {
		dir := t.TempDir()
		writeTree(t, dir, map[string]string{".redis-gitops.yaml": config, "applications/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"})
		for _, args := range [][]string{{"generate", "resource", "shop", "nosuch"}, {"generate", "update"}, {"destroy", "resource", "shop", "redis"}, {"lint", "--fix"}, {"init", "."}} {
			var out bytes.Buffer
			a := newApp()
			a.Out, a.Err = &out, &out
			a.run(context.Background(), append([]string{"-C", dir}, args...))
			fs, err := rootfs.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := fs.Lock(); err != nil {
				t.Errorf("%q with %q: %v after\n%s", args, config, err, out.String())
			}
			if err := fs.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
