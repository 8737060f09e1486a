package repo

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"
)

// memory makes a repository of a txtar archive.
func memory(t testing.TB, archive string) afero.Fs {
	t.Helper()
	fsys := afero.NewMemMapFs()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := afero.WriteFile(fsys, f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return fsys
}

func open(t testing.TB, archive string) *Repo {
	t.Helper()
	r, err := Open(memory(t, archive), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	fsys := onDisk(t, dir)
	for name, data := range map[string]string{
		"good.yaml": "a: ü\n", "latin1.yaml": "a: \xfc\n", "utf16.yaml": "a\x00:\x00", "folder/x": "", "secret.yaml": "a: 1\n",
		"full.yaml": strings.Repeat("#", MaxFileSize), "big.yaml": strings.Repeat("#", MaxFileSize+1),
	} {
		if err := errors.Join(fsys.MkdirAll(path.Dir(name), 0o755), afero.WriteFile(fsys, name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"passwd.yaml": "/etc/passwd", "loop.yaml": "loop.yaml", "link.yaml": "good.yaml"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	r, err := Open(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want string }{
		{"good.yaml", ""},
		{"link.yaml", ""},
		{"full.yaml", ""},
		{"latin1.yaml", "latin1.yaml: not UTF-8 text; save it as UTF-8 or exclude it"},
		{"utf16.yaml", "utf16.yaml: not UTF-8 text; save it as UTF-8 or exclude it"},
		{"big.yaml", "big.yaml: file is 4.1 MiB, limit 4 MiB; split or exclude it"},
		{"folder", "folder: is a directory, not a file"},
		{"none.yaml", "none.yaml: does not exist"},
		{"passwd.yaml", "passwd.yaml: cannot read it: symbolic link points outside the repository; not followed"},
		{"loop.yaml", "loop.yaml: cannot read it: too many symbolic links; not followed"},
		{"../x", "../x: not a path inside the repository; use a relative path with \"/\" and without \"..\""},
		{"/etc/passwd", "/etc/passwd: not a path inside the repository; use a relative path with \"/\" and without \"..\""},
	} {
		_, err := r.ReadFile(tt.name)
		checkError(t, err, tt.want)
		if problems := finding.All(err); err != nil && (len(problems) != 1 || problems[0].File != tt.name) {
			t.Errorf("%s: the problem is %v", tt.name, problems)
		}
	}
	if _, err := r.ReadFile("none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing file is not fs.ErrNotExist")
	}

	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	if err := fsys.Chmod("secret.yaml", 0); err != nil {
		t.Fatal(err)
	}
	_, err = r.ReadFile("secret.yaml")
	checkError(t, err, "secret.yaml: permission denied; cannot read it")
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	fsys := onDisk(t, dir)
	for _, name := range []string{"b.yaml", "a/c.yaml", "a/b/c.yaml", ".git/config", "a/node_modules/x.yaml", ".redis-gitops/x", ".github/w.yaml"} {
		if err := errors.Join(fsys.MkdirAll(path.Dir(name), 0o755), afero.WriteFile(fsys, name, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"a/up": "..", "a/link.yaml": "../b.yaml"} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Skip("no links here:", err)
		}
	}
	r, err := Open(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{".": ".github/w.yaml a/b/c.yaml a/c.yaml a/link.yaml b.yaml", "a/b": "a/b/c.yaml"} {
		files, err := r.Files(folder)
		if got := strings.Join(files, " "); got != want || err != nil {
			t.Errorf("%s has %s, %v, want %s", folder, got, err, want)
		}
	}
	deep := strings.Repeat("d/", maxFolderDepth+1)
	if err := fsys.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = r.Files(".")
	checkError(t, err, strings.TrimSuffix(strings.Repeat("d/", maxFolderDepth+1), "/")+": directories are nested deeper than 24")
}

func TestOpen(t *testing.T) {
	fsys := memory(t, "-- a --\n")
	counted := &failing{Fs: fsys, at: -1}
	if _, err := Open(counted, Options{}); err != nil || counted.steps > 0 {
		t.Errorf("%d writes, %v", counted.steps, err)
	}
	_, err := Open(afero.NewBasePathFs(fsys, "none"), Options{})
	checkError(t, err, ".: does not exist")
	_, err = Open(afero.NewBasePathFs(fsys, "a"), Options{})
	checkError(t, err, "the repository is not a directory")
}
