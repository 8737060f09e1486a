package env

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// TestSearchedSecrets masks what is secret in the files that were read, and does not read for that what was only searched.
func TestSearchedSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, password := range map[string]string{"read.yaml": "hunter2-read", "searched.yaml": "hunter2-searched", "both.yaml": "hunter2-both"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("password: "+password+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	on, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets := &redact.Secrets{}
	w := watch(on, secrets)
	defer w.Close()
	r, err := repo.Open(w, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range []string{"searched.yaml", "both.yaml"} {
		r.Search(name, func(src []byte) {
			if strings.Contains(string(src), "hunter2") {
				found++
			}
		})
	}
	for _, name := range []string{"read.yaml", "both.yaml"} {
		if _, err := r.ReadFile(name); err != nil {
			t.Error(err)
		}
	}
	got := secrets.Text("hunter2-read hunter2-both")
	if want := redact.Mask + " " + redact.Mask; got != want || found != 2 {
		t.Errorf("got %q, found %d", got, found)
	}
	if secrets.File("searched.yaml") != nil || secrets.File("both.yaml") == nil {
		t.Error("what is scanned is not what was read")
	}
}

// statting takes down what is asked about.
type statting struct {
	FS
	names []string
}

func (s *statting) Stat(name string) (fs.FileInfo, error) {
	s.names = append(s.names, name)
	return s.FS.Stat(name)
}

// TestListed asks nothing about folders that were listed when it looks for secrets, of which there are none in them.
func TestListed(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "file.yaml"), []byte("password: hunter2-read\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	on, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	asked := &statting{FS: on}
	w := watch(asked, &redact.Secrets{})
	defer w.Close()
	r, err := repo.Open(w, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := r.Files("."); err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	asked.names = nil
	if found := w.secrets(); len(found) != 0 || len(asked.names) > 0 {
		t.Errorf("found %v, asked about %q", found, asked.names)
	}
	if _, err := r.ReadFile("a/file.yaml"); err != nil {
		t.Fatal(err)
	}
	if found := w.secrets(); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}
