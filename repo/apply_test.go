package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/spf13/afero"
)

const beforeApply = `
-- applications/shop/values.yaml --
resources: {}
-- applications/shop/templates/old.yaml --
old: true
-- applications/shop/run.sh --
echo shop
-- README.md --
The shop.
`

// sampleChanges edits, deletes, and makes files in folders that are there and that are not.
func sampleChanges() []Change {
	return []Change{
		{Path: "applications/shop/templates/old.yaml", Old: []byte("old: true\n")},
		{Path: "applications/shop/values.yaml", Old: []byte("resources: {}\n"), New: []byte("resources:\n  redis: {}\n")},
		{Path: "applications/shop/run.sh", Old: []byte("echo shop\n"), New: []byte("echo shop again\n")},
		{Path: "applications/shop/templates/redis.yaml", New: []byte("kind: RedisFailover\n")},
		{Path: "applications/till/deep/values.yaml", New: []byte{}, Mode: 0o600},
	}
}

// snapshot gives every folder, file, content and mode.
func snapshot(t testing.TB, fsys afero.Fs) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := afero.Walk(fsys, ".", func(name string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() {
			tree[name] = "folder"
			return nil
		}
		data, err := afero.ReadFile(fsys, name)
		tree[name] = fmt.Sprintf("%s %q", info.Mode(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func difference(got, want map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != want[name] {
			fmt.Fprintf(&b, "%s: got %s, want %s\n", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			fmt.Fprintf(&b, "%s: is not there, want %s\n", name, want[name])
		}
	}
	return b.String()
}

// stores are the file systems that changes are tested on: with and without a Git folder.
var stores = map[string]func(t testing.TB) afero.Fs{
	"memory":   func(t testing.TB) afero.Fs { return filled(t, afero.NewMemMapFs(), false) },
	"disk":     func(t testing.TB) afero.Fs { return filled(t, onDisk(t, t.TempDir()), false) },
	"disk+git": func(t testing.TB) afero.Fs { return filled(t, onDisk(t, t.TempDir()), true) },
}

func onDisk(t testing.TB, dir string) afero.Fs {
	t.Helper()
	fsys, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func filled(t testing.TB, fsys afero.Fs, git bool) afero.Fs {
	t.Helper()
	src := memory(t, beforeApply)
	err := afero.Walk(src, ".", func(name string, info fs.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := afero.ReadFile(src, name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		return errors.Join(fsys.MkdirAll(path.Dir(name), 0o755), afero.WriteFile(fsys, name, data, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
	if git {
		if err := fsys.MkdirAll(".git/objects", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return fsys
}

func apply(t testing.TB, fsys afero.Fs, changes []Change) error {
	t.Helper()
	r, err := Open(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Apply("generate resource", changes)
}

func TestApply(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			fsys := store(t)
			want := snapshot(t, fsys)
			if err := apply(t, fsys, sampleChanges()); err != nil {
				t.Fatal(err)
			}
			delete(want, "applications/shop/templates/old.yaml")
			want["applications/shop/values.yaml"] = `-rw-r--r-- "resources:\n  redis: {}\n"`
			want["applications/shop/run.sh"] = `-rwxr-xr-x "echo shop again\n"`
			want["applications/shop/templates/redis.yaml"] = `-rw-r--r-- "kind: RedisFailover\n"`
			want["applications/till"] = "folder"
			want["applications/till/deep"] = "folder"
			want["applications/till/deep/values.yaml"] = `-rw------- ""`
			if d := difference(snapshot(t, fsys), want); d != "" {
				t.Error(d)
			}
			if recovery, err := Recover(fsys); recovery != nil || err != nil {
				t.Errorf("there is something to recover after success: %+v, %v", recovery, err)
			}
		})
	}
}

// An Apply that fails at any one step leaves everything as it was; one that does not fail leaves everything done.
func TestApplyFailsAtEveryStep(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			before, after := snapshots(t, store)
			failed := 0
			steps := everyStep(t, store, false, func(n int, fsys afero.Fs, err error) {
				want := after
				if err != nil {
					failed++
					want = before
					if !strings.HasSuffix(err.Error(), "; nothing was changed") {
						t.Errorf("step %d: %v", n, err)
					}
				}
				// The step that failed may have been one of cleaning up; the next command does that.
				if _, err := Recover(fsys); err != nil {
					t.Errorf("step %d: %v", n, err)
				}
				if d := difference(snapshot(t, fsys), want); d != "" {
					t.Errorf("step %d, error %v:\n%s", n, err, d)
				}
			})
			if failed < 20 {
				t.Errorf("only %d of %d steps failed", failed, steps)
			}
		})
	}
}

// An Apply that is killed at any one step leaves what Recover can complete or undo.
func TestApplyKilledAtEveryStep(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			before, after := snapshots(t, store)
			finished := 0
			steps := everyStep(t, store, true, func(n int, fsys afero.Fs, _ error) {
				want := before
				// What Recover itself leaves half done, the next one does.
				dead := &failing{Fs: fsys, at: n % 5, killed: true}
				Recover(dead)
				recovery, err := Recover(fsys)
				if err != nil {
					t.Fatalf("step %d: %v", n, err)
				}
				got := snapshot(t, fsys)
				if got["applications/till/deep/values.yaml"] != "" {
					want = after
					finished++
				}
				if d := difference(got, want); d != "" {
					t.Errorf("step %d, %+v:\n%s", n, recovery, d)
				}
				if again, err := Recover(fsys); again != nil || err != nil {
					t.Errorf("step %d: a second time there is %+v, %v", n, again, err)
				}
			})
			if finished < 10 || finished == steps {
				t.Errorf("%d of %d killed changes were finished", finished, steps)
			}
		})
	}
}

// A roll back that is killed, after a file could not be replaced, is completed by Recover.
func TestRollBackKilled(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			before, _ := snapshots(t, store)
			for n := 0; ; n++ {
				fsys := store(t)
				dead := &failing{Fs: fsys, at: -1, killed: true, refuse: "applications/till/deep/values.yaml", afterRefusal: n}
				err := apply(t, dead, sampleChanges())
				if err == nil {
					t.Fatal("the refused file was written")
				}
				recovery, recoverErr := Recover(fsys)
				if recoverErr != nil {
					t.Fatalf("step %d: %v", n, recoverErr)
				}
				if recovery != nil && recovery.Finished {
					continue // killed before it began to roll back
				}
				if d := difference(snapshot(t, fsys), before); d != "" {
					t.Errorf("step %d, %v, %+v:\n%s", n, err, recovery, d)
				}
				if !dead.dead {
					if n < 5 {
						t.Errorf("a roll back of only %d steps", n)
					}
					return
				}
			}
		})
	}
}

func snapshots(t *testing.T, store func(testing.TB) afero.Fs) (before, after map[string]string) {
	fsys := store(t)
	before = snapshot(t, fsys)
	if err := apply(t, fsys, sampleChanges()); err != nil {
		t.Fatal(err)
	}
	return before, snapshot(t, fsys)
}

// everyStep runs the sample, failing at step 0, 1, 2 … until it has no more steps, and gives their number.
func everyStep(t *testing.T, store func(testing.TB) afero.Fs, killed bool, check func(n int, fsys afero.Fs, err error)) int {
	for n := 0; ; n++ {
		fsys := store(t)
		broken := &failing{Fs: fsys, at: n, killed: killed}
		err := apply(t, broken, sampleChanges())
		check(n, fsys, err)
		if broken.steps <= n {
			return n
		}
	}
}

var errInjected = errors.New("no space left on device")

// failing is a file system whose step number at, counting what writes, fails; when killed, so does all that follows.
type failing struct {
	afero.Fs
	at     int
	killed bool

	refuse       string // a file that nothing can be moved to
	afterRefusal int    // steps from then until the process is killed

	steps   int
	dead    bool
	refused bool
}

func (f *failing) step() error {
	if f.dead {
		return errInjected
	}
	if f.refused {
		if f.afterRefusal == 0 {
			f.dead = true
			return errInjected
		}
		f.afterRefusal--
	}
	f.steps++
	if f.steps-1 == f.at {
		f.dead = f.killed
		return errInjected
	}
	return nil
}

func (f *failing) read() error {
	if f.dead {
		return errInjected
	}
	return nil
}

func (f *failing) Stat(name string) (fs.FileInfo, error) {
	if err := f.read(); err != nil {
		return nil, err
	}
	return f.Fs.Stat(name)
}

func (f *failing) Open(name string) (afero.File, error) {
	if err := f.read(); err != nil {
		return nil, err
	}
	file, err := f.Fs.Open(name)
	return &failingFile{file, f}, err
}

func (f *failing) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	file, err := f.Fs.OpenFile(name, flag, perm)
	return &failingFile{file, f}, err
}

func (f *failing) Mkdir(name string, perm fs.FileMode) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Fs.Mkdir(name, perm)
}

func (f *failing) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Fs.MkdirAll(name, perm)
}

func (f *failing) Remove(name string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Fs.Remove(name)
}

func (f *failing) Rename(oldname, newname string) error {
	if newname == f.refuse && !f.refused {
		f.refused = true
		return errInjected
	}
	if err := f.step(); err != nil {
		return err
	}
	return f.Fs.Rename(oldname, newname)
}

func (f *failing) Chmod(name string, mode fs.FileMode) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Fs.Chmod(name, mode)
}

type failingFile struct {
	afero.File
	fs *failing
}

// Write writes half of it before the disk is full.
func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *failingFile) Sync() error {
	if err := f.fs.step(); err != nil {
		return err
	}
	return f.File.Sync()
}
