package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
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
-- applications/old/deep/a.yaml --
a: 1
-- applications/old/b.yaml --
b: 1
-- README.md --
The shop.
`

// sampleChanges edits, deletes, with folders and without, and makes files in folders that are there and that are not.
func sampleChanges() []Change {
	return []Change{
		{Path: "applications/shop/templates/old.yaml", Old: []byte("old: true\n")},
		{Path: "applications/shop/values.yaml", Old: []byte("resources: {}\n"), New: []byte("resources:\n  redis: {}\n")},
		{Path: "applications/shop/run.sh", Old: []byte("echo shop\n"), New: []byte("echo shop again\n")},
		{Path: "applications/shop/templates/redis.yaml", New: []byte("kind: RedisFailover\n")},
		{Path: "applications/till/deep/values.yaml", New: []byte{}, Mode: 0o600},
		{Path: "applications/old/b.yaml", Old: []byte("b: 1\n"), Prune: "applications/old"},
		{Path: "applications/old/deep/a.yaml", Old: []byte("a: 1\n"), Prune: "applications/old"},
	}
}

// snapshot returns every folder, file, content and mode.
func snapshot(t testing.TB, fsys afero.Fs) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := afero.Walk(fsys, ".", func(name string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() {
			tree[name] = "folder " + info.Mode().String()
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
	if err == nil {
		err = fsys.Chmod("applications/old/deep", 0o700)
	}
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
			for _, gone := range []string{"b.yaml", "deep/a.yaml", "deep", "."} {
				delete(want, path.Join("applications/old", gone))
			}
			want["applications/shop/values.yaml"] = `-rw-r--r-- "resources:\n  redis: {}\n"`
			want["applications/shop/run.sh"] = `-rwxr-xr-x "echo shop again\n"`
			want["applications/shop/templates/redis.yaml"] = `-rw-r--r-- "kind: RedisFailover\n"`
			want["applications/till"] = want["applications"]
			want["applications/till/deep"] = want["applications"]
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

// Sync does not wait for the disk: a kill loses nothing that was written.
func (f *failingFile) Sync() error { return f.fs.step() }

func TestApplyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []Change
		want    string
	}{
		{"changed since", []Change{{Path: "README.md", Old: []byte("The till.\n"), New: []byte("x")}},
			`README.md: has changed since it was read; run the command again; nothing was changed`},
		{"gone since", []Change{{Path: "gone.md", Old: []byte("x"), New: []byte("y")}},
			`gone.md: has changed since it was read; run the command again; nothing was changed`},
		{"already exists", []Change{{Path: "README.md", New: []byte("x")}},
			`README.md: already exists; nothing was changed`},
		{"all at once", []Change{{Path: "README.md", New: []byte("x")}, {Path: ".git/config", New: []byte("x")}, {Path: "applications", New: []byte("x")}},
			".git/config: belongs to Git; refusing to write it; nothing was changed\nREADME.md: already exists; nothing was changed\napplications: is a directory, not a file; nothing was changed"},
		{"twice", []Change{{Path: "a", New: []byte("x")}, {Path: "a", New: []byte("y")}},
			`a: is changed twice in one operation; nothing was changed`},
		{"a file as a folder", []Change{{Path: "README.md/a", New: []byte("x")}},
			`README.md/a: "README.md" is not a directory; nothing was changed`},
		{"too big", []Change{{Path: "a", New: make([]byte, MaxFileSize+1)}},
			`a: would become 4.1 MiB, limit 4 MiB; nothing was changed`},
		{"outside", []Change{{Path: "../a", New: []byte("x")}},
			`"../a" is not a path inside the repository; use a relative path with "/" and without ".."; nothing was changed`},
		{"backslash", []Change{{Path: `a\..\..\b`, New: []byte("x")}},
			`"a\\..\\..\\b" is not a path inside the repository; use a relative path with "/" and without ".."; nothing was changed`},
		{"Git's by another name", []Change{{Path: "sub/.GIT/hooks/x", New: []byte("x")}},
			`sub/.GIT/hooks/x: belongs to Git; refusing to write it; nothing was changed`},
		{"our journal", []Change{{Path: ".redis-gitops/journal/redo.json", New: []byte("x")}},
			`.redis-gitops/journal/redo.json: is reserved for interrupted changes; refusing to write it; nothing was changed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := stores["memory"](t)
			before := snapshot(t, fsys)
			checkError(t, apply(t, fsys, append(tt.changes, Change{Path: "new", New: []byte("x")})), tt.want)
			if d := difference(snapshot(t, fsys), before); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestApplyNothing(t *testing.T) {
	fsys := &failing{Fs: stores["memory"](t), at: -1}
	if err := apply(t, fsys, []Change{{Path: "README.md", Old: []byte("The shop.\n"), New: []byte("The shop.\n")}}); err != nil || fsys.steps > 0 {
		t.Errorf("a change of nothing wrote %d times, %v", fsys.steps, err)
	}
}

func TestApplyKeepsRecords(t *testing.T) {
	fsys := stores["disk"](t)
	record := Change{Path: ".redis-gitops/generated/shop.json", New: []byte("{}\n")}
	if err := apply(t, fsys, []Change{record}); err != nil {
		t.Fatal(err)
	}
	names, err := list(fsys, ".redis-gitops")
	if err != nil || !slices.Equal(names, []string{"generated"}) {
		t.Errorf("%v are left, %v", names, err)
	}
}

// Folders go only when nothing is left in them, and not above the one that the change names.
func TestApplyPrunes(t *testing.T) {
	for name, tt := range map[string]struct {
		changes []Change
		gone    []string
	}{
		"all of it": {[]Change{{Path: "applications/old/b.yaml", Old: []byte("b: 1\n"), Prune: "applications/old"},
			{Path: "applications/old/deep/a.yaml", Old: []byte("a: 1\n"), Prune: "applications/old"}}, []string{"applications/old", "applications/old/b.yaml", "applications/old/deep", "applications/old/deep/a.yaml"}},
		"a file is left": {[]Change{{Path: "applications/old/deep/a.yaml", Old: []byte("a: 1\n"), Prune: "applications"}}, []string{"applications/old/deep", "applications/old/deep/a.yaml"}},
		"not asked for":  {[]Change{{Path: "applications/old/deep/a.yaml", Old: []byte("a: 1\n")}}, []string{"applications/old/deep/a.yaml"}},
		"a file comes": {[]Change{{Path: "applications/old/deep/a.yaml", Old: []byte("a: 1\n"), Prune: "applications"},
			{Path: "applications/old/deep/new/b.yaml", New: []byte("b")}}, []string{"applications/old/deep/a.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := stores["disk"](t)
			want := snapshot(t, fsys)
			for _, gone := range tt.gone {
				delete(want, gone)
			}
			if name == "all of it" {
				if err := fsys.MkdirAll("applications/old/nothing/at/all", 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := apply(t, fsys, tt.changes); err != nil {
				t.Fatal(err)
			}
			got := snapshot(t, fsys)
			delete(got, "applications/old/deep/new")
			delete(got, "applications/old/deep/new/b.yaml")
			if d := difference(got, want); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestApplyThroughLinks(t *testing.T) {
	dir := t.TempDir()
	fsys := filled(t, onDisk(t, dir), false)
	for link, target := range map[string]string{"link.md": "README.md", "linked": "applications", "dangling": "nothing"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	for _, tt := range []struct {
		change Change
		want   string
	}{
		{Change{Path: "link.md", Old: []byte("The shop.\n"), New: []byte("x")}, `link.md: "link.md" is a symbolic link; refusing to write through it; nothing was changed`},
		{Change{Path: "linked/new.yaml", New: []byte("x")}, `linked/new.yaml: "linked" is a symbolic link; refusing to write through it; nothing was changed`},
		{Change{Path: "dangling", New: []byte("x")}, `dangling: "dangling" is a symbolic link; refusing to write through it; nothing was changed`},
	} {
		checkError(t, apply(t, fsys, []Change{tt.change}), tt.want)
	}
}

func TestApplyReadOnly(t *testing.T) {
	fsys := afero.NewReadOnlyFs(stores["memory"](t))
	checkError(t, apply(t, fsys, sampleChanges()), ".redis-gitops/journal: permission denied; cannot write it; nothing was changed")
}

// interrupted is a repository whose change was killed after the commit point, before the first file.
func interrupted(t *testing.T, store func(testing.TB) afero.Fs) afero.Fs {
	t.Helper()
	for n := 0; ; n++ {
		fsys := store(t)
		dead := &failing{Fs: fsys, at: n, killed: true}
		if err := apply(t, dead, sampleChanges()); err == nil {
			t.Fatal("no step commits")
		}
		if tr := newTransaction(fsys); tr.pending() == redoFile {
			return fsys
		}
	}
}

func TestRecoverSaysWhat(t *testing.T) {
	fsys := interrupted(t, stores["disk"])
	checkError(t, apply(t, fsys, []Change{{Path: "new", New: []byte("x")}}), ".redis-gitops/journal: an earlier change was interrupted and must be recovered first; nothing was changed")
	got, err := Recover(fsys)
	want := &Recovery{"generate resource", true, []string{"applications/shop/values.yaml", "applications/shop/run.sh",
		"applications/shop/templates/redis.yaml", "applications/till/deep/values.yaml", "applications/shop/templates/old.yaml", "applications/old/b.yaml", "applications/old/deep/a.yaml"}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// What somebody writes after the kill is never overwritten.
func TestRecoverConflict(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			fsys := interrupted(t, store)
			for _, file := range []string{"applications/shop/values.yaml", "applications/shop/templates/redis.yaml"} {
				if err := afero.WriteFile(fsys, file, []byte("mine\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := snapshot(t, fsys)
			_, err := Recover(fsys)
			dir := newTransaction(fsys).dir
			end := fmt.Sprintf("was changed by another process; to discard the interrupted change \"generate resource\" and keep all files as they are, delete the directory %q", dir)
			checkError(t, err, "applications/shop/templates/redis.yaml: "+end+"\napplications/shop/values.yaml: "+end)
			if d := difference(snapshot(t, fsys), before); d != "" {
				t.Error(d)
			}
		})
	}
}

// Somebody writes between the plan and the rename of a file.
func TestApplyConflict(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			fsys := store(t)
			before := snapshot(t, fsys)
			before["applications/shop/run.sh"] = `-rwxr-xr-x "mine\n"`
			busy := &meddling{Fs: fsys, after: "applications/shop/values.yaml", write: "applications/shop/run.sh"}
			checkError(t, apply(t, busy, sampleChanges()), "applications/shop/run.sh: was changed by another process; nothing was changed")
			if d := difference(snapshot(t, fsys), before); d != "" {
				t.Error(d)
			}
		})
	}
}

// meddling writes a file of its own as soon as another has been moved into place.
type meddling struct {
	afero.Fs
	after, write string
}

func (m *meddling) Rename(oldname, newname string) error {
	err := m.Fs.Rename(oldname, newname)
	if newname == m.after {
		err = errors.Join(err, afero.WriteFile(m.Fs, m.write, []byte("mine\n"), 0o755))
	}
	return err
}

// A pull request may bring a journal, and a journal may say anything.
func TestRecoverTrustsNothing(t *testing.T) {
	const mine = `{"Version":1,"Command":"x","Files":[{"Path":"README.md","Old":"OLD","New":"NEW"}]}`
	for _, tt := range []struct {
		name, file, journal string
		mode                fs.FileMode
		staged              string
		want                string
	}{
		{"committed", redoFile, mine, 0o644, "evil\n",
			`.redis-gitops/journal/redo.json: was not written by redis-gitops in this directory; delete the directory ".redis-gitops/journal"`},
		{"committed roll back", undoFile, mine, 0o644, "evil\n",
			`.redis-gitops/journal/undo.json: was not written by redis-gitops in this directory; delete the directory ".redis-gitops/journal"`},
		{"other version", redoFile, strings.Replace(mine, "1", "2", 1), 0o400, "evil\n",
			`.redis-gitops/journal/redo.json: was written by an incompatible version of redis-gitops; delete the directory ".redis-gitops/journal"`},
		{"no JSON", redoFile, "{", 0o400, "evil\n",
			`.redis-gitops/journal/redo.json: was written by an incompatible version of redis-gitops; delete the directory ".redis-gitops/journal"`},
		{"outside", redoFile, strings.Replace(mine, "README.md", "../README.md", 1), 0o400, "evil\n",
			`"../README.md" is not a path inside the repository; use a relative path with "/" and without ".."; delete the directory ".redis-gitops/journal"`},
		{"Git's", redoFile, strings.Replace(mine, "README.md", ".git/hooks/pre-commit", 1), 0o400, "evil\n",
			`.git/hooks/pre-commit: belongs to Git; refusing to write it; delete the directory ".redis-gitops/journal"`},
		{"a folder outside", redoFile, strings.Replace(mine, `"Files"`, `"Folders":["../x"],"Files"`, 1), 0o400, "evil\n",
			`"../x" is not a path inside the repository; use a relative path with "/" and without ".."; delete the directory ".redis-gitops/journal"`},
		{"other content", redoFile, mine, 0o400, "other\n",
			`.redis-gitops/journal/0.new: does not match the journal; to discard the interrupted change "x" and keep all files as they are, delete the directory ".redis-gitops/journal"`},
		{"content lost", redoFile, mine, 0o400, "",
			`README.md: its new content is missing in ".redis-gitops/journal"; to discard the interrupted change "x" and keep all files as they are, delete the directory ".redis-gitops/journal"`},
	} {
		for _, name := range []string{"memory", "disk"} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				fsys := stores[name](t)
				if err := fsys.MkdirAll(workTreeJournal, 0o755); err != nil {
					t.Fatal(err)
				}
				journal := strings.NewReplacer("OLD", sum([]byte("The shop.\n")), "NEW", sum([]byte("evil\n"))).Replace(tt.journal)
				if err := afero.WriteFile(fsys, workTreeJournal+"/"+tt.file, []byte(journal), tt.mode); err != nil {
					t.Fatal(err)
				}
				if tt.staged != "" {
					if err := afero.WriteFile(fsys, workTreeJournal+"/0.new", []byte(tt.staged), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				before := snapshot(t, fsys)
				_, err := Recover(fsys)
				checkError(t, err, tt.want)
				if d := difference(snapshot(t, fsys), before); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// A repository may bring a half prepared journal; that can only cost what bears our names.
func TestRecoverRemovesOnlyItsOwn(t *testing.T) {
	fsys := stores["disk"](t)
	for _, name := range []string{"prepare.json", "0.new", "12.old", "notes.txt"} {
		if err := errors.Join(fsys.MkdirAll(workTreeJournal, 0o755), afero.WriteFile(fsys, workTreeJournal+"/"+name, []byte("{}"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Recover(fsys)
	if err != nil || got == nil || got.Finished || len(got.Files) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if names, _ := list(fsys, workTreeJournal); !slices.Equal(names, []string{"notes.txt"}) {
		t.Errorf("%v are left", names)
	}
}

// Whatever a journal of ours says, nothing changes but what it proves to know.
func FuzzRecover(f *testing.F) {
	known := sum([]byte("The shop.\n"))
	for _, seed := range []string{
		`{"Version":1,"Command":"x","Folders":["a","a/b"],"Files":[{"Path":"README.md","Old":"` + known + `","New":""}]}`,
		`{"Version":1,"Files":[{"Path":"../x","Old":"","New":"` + known + `"}]}`,
		`{"Version":1,"Folders":[".git/hooks"],"Files":[]}`, `{`, ``,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, journal []byte, redo bool) {
		fsys := stores["memory"](t)
		before := snapshot(t, fsys)
		name := undoFile
		if redo {
			name = redoFile
		}
		if err := afero.WriteFile(fsys, workTreeJournal+"/"+name, journal, sealed); err != nil {
			t.Fatal(err)
		}
		Recover(fsys)
		for name, content := range before {
			if now := snapshot(t, fsys)[name]; now != content && !(redo && strings.Contains(string(journal), known)) {
				t.Errorf("%s: got %s, want %s", name, now, content)
			}
		}
	})
}
