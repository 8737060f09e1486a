package repo

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/spf13/afero"
)

// TestSearch searches what ReadFile reads, and nothing else, on a disk and in memory.
func TestSearch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": "a: 1\n", "empty": "", "binary": "a\x00b", "latin": "\xe4", "large": strings.Repeat("x", MaxFileSize+1), "full": strings.Repeat("x", MaxFileSize), "dir/b": "b",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a.yaml", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	disk, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for _, fsys := range []afero.Fs{disk, afero.NewBasePathFs(afero.NewOsFs(), dir)} {
		r, err := Open(fsys, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, name := range []string{"a.yaml", "empty", "binary", "latin", "large", "full", "dir/b", "dir", "link", "none"} {
			want, err := r.ReadFile(name)
			var got []byte
			called := false
			r.Search(name, func(src []byte) { called, got = true, bytes.Clone(src) })
			if called != (err == nil) || !bytes.Equal(got, want) {
				t.Errorf("%s: %.20q (%v), want %.20q, %v", name, got, called, want, err)
			}
			if called {
				found++
			}
		}
		if found != 5 {
			t.Errorf("%d files were found", found)
		}
	}
}

// untyped hides what the entries of a folder are.
type untyped struct{ afero.Fs }

func (u untyped) Open(name string) (afero.File, error) {
	f, err := u.Fs.Open(name)
	return struct{ afero.File }{f}, err
}

func (u untyped) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	info, err := lstat(u.Fs, name)
	return info, true, err
}

// TestWalkTypes finds the same files whether the file system says the types with the names or not.
func TestWalkTypes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a/x.yaml", "a/b/y.yaml", "node_modules/z", ".git/z", "c"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"d": "a", "e": "c", "f": "none", "a/g": "x.yaml", "a/h": "../.."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	disk, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	var all [][]string
	for _, fsys := range []afero.Fs{disk, untyped{disk}} {
		r, err := Open(fsys, Options{})
		if err != nil {
			t.Fatal(err)
		}
		files, err := r.Files(".")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files)
	}
	if want := []string{"a/b/y.yaml", "a/g", "a/h", "a/x.yaml", "c", "e", "f"}; !slices.Equal(all[1], want) || !slices.Equal(all[0], want) {
		t.Errorf("got %q and %q, want %q", all[0], all[1], want)
	}
}
