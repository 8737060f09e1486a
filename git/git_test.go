package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// opened returns a repository that is closed after the test, when nothing of it may be left.
func opened(t *testing.T, dir string) *Repo {
	t.Helper()
	r := &Repo{Dir: dir}
	t.Cleanup(func() {
		private := r.private
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if private != nil {
			if _, err := os.Stat(private.dir); err == nil {
				t.Errorf("%s is left behind", private.dir)
			}
		}
	})
	return r
}

// history makes a repository: file a came, went, and came again with another text, beside b.
func history(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git command")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=tester", "-c", "user.email=tester@example.com"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	do("init", "-q")
	write("sub/a[1] é.yaml", "first\n")
	do("add", "-A")
	do("commit", "-qm", "one")
	do("rm", "-q", "sub/a[1] é.yaml")
	do("commit", "-qm", "two")
	write("sub/a[1] é.yaml", "again\r\n")
	write("sub/b", "b\n")
	do("add", "-A")
	do("commit", "-qm", "three")
	write("sub/a[1] é.yaml", "changed\n")
	write("sub/new", "new\n")
	do("commit", "-qam", "four")
	return dir
}

func TestAddedAndFile(t *testing.T) {
	dir := history(t)
	for _, tt := range []struct{ dir, prefix string }{{dir, "sub/"}, {filepath.Join(dir, "sub"), ""}} {
		r := opened(t, tt.dir)
		ctx := context.Background()
		commit, err := r.Added(ctx, tt.prefix+"a[1] é.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"a[1] é.yaml": "again\r\n", "b": "b\n"} {
			if got, err := r.File(ctx, commit, tt.prefix+name); err != nil || string(got) != want {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			}
		}
		for _, name := range []string{"new", "a", "*"} {
			if _, err := r.Added(ctx, tt.prefix+name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is not in any commit: %v", name, err)
			}
			if _, err := r.File(ctx, commit, tt.prefix+name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s was not in the commit: %v", name, err)
			}
		}
	}
	if _, err := opened(t, dir).File(context.Background(), "HEAD", "sub"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := opened(t, dir).File(context.Background(), "nope", "sub/b"); err == nil || !strings.Contains(err.Error(), "git ls-tree: ") {
		t.Errorf("no such commit: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := opened(t, dir).Added(cancelled, "sub/b"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestShallow has a clone whose only commit seems to add everything.
func TestShallow(t *testing.T) {
	dir, clone := history(t), filepath.Join(t.TempDir(), "clone")
	for _, depth := range []string{"1", "2", "9"} {
		if err := os.RemoveAll(clone); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("git", "clone", "-q", "--depth", depth, "file://"+dir, clone).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_, err := opened(t, clone).Added(context.Background(), "sub/b")
		// It came with the second commit from the end: with two the clone ends at it, and nobody knows what was before.
		if shallow := depth != "9"; shallow != (err != nil && strings.Contains(err.Error(), "the clone is shallow")) {
			t.Errorf("depth %s: %v", depth, err)
		}
	}
}

func TestNoCommit(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	if _, err := opened(t, dir).Added(context.Background(), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestNoRepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git command")
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(t.TempDir()))
	if _, err := opened(t, t.TempDir()).Added(context.Background(), "a"); err == nil || !strings.Contains(err.Error(), "not a Git repository") {
		t.Errorf("got %v", err)
	}
}
