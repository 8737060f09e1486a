package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"
)

// TestDirs reads through kept directories while they are removed, renamed, replaced by links and made anew: each read gives what is there,
// and never what is outside.
func TestDirs(t *testing.T) {
	t.Parallel()
	bothWays(t, testDirs)
}

func testDirs(t *testing.T, fsys *FS, dir, secret string) {
	t.Parallel()
	read := func(name string) string {
		text, err := afero.ReadFile(fsys, name)
		if err != nil {
			return ""
		}
		return string(text)
	}
	check := func(name, want string) {
		t.Helper()
		if got := read(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	check("folder/inner", "inner\n")
	check("folder/up", "file\n") // leaves the kept directory, not the repository
	check("folder/out/key", "")
	must(os.RemoveAll(at("folder"))) // behind our back
	check("folder/inner", "")
	must(os.Mkdir(at("folder"), 0o755))
	must(os.WriteFile(at("folder/inner"), []byte("again\n"), 0o644))
	check("folder/inner", "again\n")
	must(os.RemoveAll(at("folder")))
	must(os.Symlink(filepath.Dir(secret), at("folder")))
	check("folder/key", "")
	must(os.Remove(at("folder")))
	must(fsys.MkdirAll("folder", 0o755))
	must(afero.WriteFile(fsys, "folder/inner", []byte("third\n"), 0o644))
	check("folder/inner", "third\n")
	must(fsys.Rename("folder", "other"))
	must(fsys.MkdirAll("folder", 0o755))
	check("folder/inner", "") // what we moved away ourselves is known at once
	check("other/inner", "third\n")
	must(os.Rename(at("other"), at("elsewhere"))) // what others moved, a second later
	must(os.Mkdir(at("other"), 0o755))
	time.Sleep(dirAge + 100*time.Millisecond)
	check("other/inner", "")
	if _, err := fsys.Stat("other/none"); !errors.Is(err, fs.ErrNotExist) || err.Error() != "stat other/none: "+fs.ErrNotExist.Error() && err.Error() != "stat other/none: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// TestDirsAtOnce reads more directories than are kept from several goroutines.
func TestDirsAtOnce(t *testing.T) {
	t.Parallel()
	fsys, dir, _ := setup(t)
	alone(t, fsys)
	for i := range 3 * maxDirs {
		name := filepath.Join(dir, "many", fmt.Sprint(i), "file")
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, fmt.Append(nil, i), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				n := (i*7 + g*5) % (3 * maxDirs)
				name := fmt.Sprintf("many/%d/file", n)
				if text, err := afero.ReadFile(fsys, name); err != nil || string(text) != fmt.Sprint(n) {
					t.Errorf("%s: %q, %v", name, text, err)
				}
				if info, _, err := fsys.LstatIfPossible(name); err != nil || info.Name() != "file" {
					t.Errorf("%s: %v", name, err)
				}
				if g == 0 && i%50 == 0 {
					fsys.dirs.forget()
				}
			}
		})
	}
	wg.Wait()
	if n := len(fsys.dirs.open); n > maxDirs {
		t.Errorf("%d directories are open", n)
	}
}
