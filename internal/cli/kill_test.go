package cli

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// killAt names the step of writing before which the tool, run by TestKill, kills itself.
const killAt = "REDIS_GITOPS_TEST_KILL_AT"

// killMain is the tool with a file system that ends the process, as SIGKILL does, before the n-th change.
func killMain() {
	a := newApp()
	n, err := strconv.Atoi(os.Getenv(killAt))
	if err == nil {
		a.OpenFS = func(dir string) (env.FS, error) {
			root, err := rootfs.Open(dir)
			return &killFs{FS: root, left: n}, err
		}
	}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// killFs counts what changes the disk.
type killFs struct {
	*rootfs.FS
	left int
}

func (k *killFs) step() {
	if k.left--; k.left < 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (k *killFs) Create(name string) (afero.File, error) {
	return k.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (k *killFs) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) == 0 {
		return k.FS.OpenFile(name, flag, perm)
	}
	k.step()
	f, err := k.FS.OpenFile(name, flag, perm)
	return &killFile{f, k}, err
}

func (k *killFs) Mkdir(name string, perm fs.FileMode) error { k.step(); return k.FS.Mkdir(name, perm) }
func (k *killFs) MkdirAll(name string, perm fs.FileMode) error {
	k.step()
	return k.FS.MkdirAll(name, perm)
}
func (k *killFs) Remove(name string) error     { k.step(); return k.FS.Remove(name) }
func (k *killFs) RemoveAll(name string) error  { k.step(); return k.FS.RemoveAll(name) }
func (k *killFs) Rename(from, to string) error { k.step(); return k.FS.Rename(from, to) }

// killFile dies in the middle of a write: half of the bytes are on the disk then.
type killFile struct {
	afero.File
	fs *killFs
}

func (f *killFile) Write(p []byte) (int, error) {
	f.fs.step()
	n, err := f.File.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	f.fs.step()
	m, err := f.File.Write(p[len(p)/2:])
	return n + m, err
}

func (f *killFile) Sync() error { f.fs.step(); return f.File.Sync() }

// TestKill kills generate before every change it makes to the disk. The next command must find the repository as before or
// complete, and say what it did about it when there was something to do.
func TestKill(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(dir string, kill int, args ...string) (string, *os.ProcessState) {
		t.Helper()
		c := exec.Command(self, append([]string{"-C", dir}, args...)...)
		c.Env = append(os.Environ(), killAt+"="+strconv.Itoa(kill))
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState
	}
	const never = 1 << 30
	setup := func() string {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, state := run(dir, never, "generate", "application", "shop"); !state.Success() {
			t.Fatal(out)
		}
		return dir
	}
	generate := []string{"generate", "resource", "shop", "redis"}
	reference := setup()
	before := tree(t, reference)
	if out, state := run(reference, never, generate...); !state.Success() {
		t.Fatal(out)
	}
	after := tree(t, reference)

	var asBefore, complete, recovered int
	for kill := 0; ; kill++ {
		if kill > 500 {
			t.Fatal("generate does not end")
		}
		dir := setup()
		_, state := run(dir, kill, generate...)
		if state.Success() {
			break
		}
		if ws, ok := state.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: not killed: %v", kill, state)
		}
		torn := tree(t, dir)
		out, state := run(dir, never, "generate", "application", "shop")
		if !state.Success() {
			t.Fatalf("step %d: the next command: %s", kill, out)
		}
		switch now := tree(t, dir); now {
		case before:
			asBefore++
		case after:
			complete++
		default:
			t.Errorf("step %d: half done:\n%s", kill, now)
		}
		if torn != before && torn != after {
			recovered++
			if !strings.Contains(out, "the interrupted `generate resource shop redis` was ") {
				t.Errorf("step %d: not a word about it: %s", kill, out)
			}
		}
	}
	t.Logf("as before %d times, complete %d times, with a recovery %d times", asBefore, complete, recovered)
	if asBefore == 0 || complete == 0 || recovered == 0 {
		t.Error("some outcome never came: the test does not reach the writes")
	}
}

// tree returns the files of the repository with their contents, without what the tool keeps for itself in .git.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".git" {
				return fs.SkipDir
			}
			return err
		}
		src, err := os.ReadFile(path)
		b.WriteString("== " + filepath.ToSlash(strings.TrimPrefix(path, dir)) + "\n" + string(src))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// readOnlyFs is a disk that takes no writes.
type readOnlyFs struct{ *rootfs.FS }

func (r readOnlyFs) refuse(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: syscall.EROFS}
}

func (r readOnlyFs) Create(name string) (afero.File, error) { return nil, r.refuse("create", name) }
func (r readOnlyFs) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE) != 0 {
		return nil, r.refuse("open", name)
	}
	return r.FS.OpenFile(name, flag, perm)
}
func (r readOnlyFs) Mkdir(name string, _ fs.FileMode) error    { return r.refuse("mkdir", name) }
func (r readOnlyFs) MkdirAll(name string, _ fs.FileMode) error { return r.refuse("mkdir", name) }
func (r readOnlyFs) Remove(name string) error                  { return r.refuse("remove", name) }
func (r readOnlyFs) Rename(from, _ string) error               { return r.refuse("rename", from) }

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if code := newApp().run(context.Background(), []string{"-C", dir, "-q", "init", dir}); code != exitcode.OK {
		t.Fatal(code)
	}
	if code := newApp().run(context.Background(), []string{"-C", dir, "-q", "generate", "application", "shop"}); code != exitcode.OK {
		t.Fatal(code)
	}
	before := tree(t, dir)
	var out strings.Builder
	a := newApp()
	a.Out, a.Err = &out, &out
	a.OpenFS = func(dir string) (env.FS, error) {
		root, err := rootfs.Open(dir)
		return readOnlyFs{root}, err
	}
	if code := a.run(context.Background(), []string{"-C", dir, "generate", "resource", "shop", "redis"}); code != exitcode.Error {
		t.Errorf("exit code %d", code)
	}
	if got := out.String(); !strings.Contains(got, "read-only file system") || !strings.Contains(got, "nothing was changed") {
		t.Errorf("got %s", got)
	}
	if tree(t, dir) != before {
		t.Error("something was written")
	}
}
