package git

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// TestTree reads a commit with files, links of all kinds, a submodule, a large file and one of Git LFS.
func TestTree(t *testing.T) {
	plain(t)
	dir, ctx := history(t), context.Background()
	other := history(t)
	write(t, filepath.Join(dir, "large"), strings.Repeat("0123456789abcdef", maxFile/16)+"x")
	write(t, filepath.Join(dir, "limit"), strings.Repeat("0123456789abcdef", maxFile/16))
	write(t, filepath.Join(dir, "pointer"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
	write(t, filepath.Join(dir, "binary"), "\x00\xff")
	write(t, filepath.Join(dir, "empty"), "")
	for name, to := range map[string]string{"link": "sub/b", "linked": "sub", "sub/up": "../binary", "out": "../../etc/passwd", "absolute": "/etc/passwd", "loop": "loop", "two": "link", "nowhere": "none"} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Skip("no symbolic links: ", err)
		}
	}
	gitIn(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "module")
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-qm", "five")
	r := opened(t, dir)
	commit, err := r.Commit(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.Tree(ctx, commit)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	files := tree.Fs()
	for name, want := range map[string]string{"sub/b": "b\n", "link": "b\n", "two": "b\n", "linked/b": "b\n", "linked/up": "\x00\xff", "empty": "", "sub/a[1] é.yaml": "changed\n"} {
		if got, err := afero.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"out", "absolute", "loop", "nowhere", "none", "sub/none", "../sub/b", "linked/up/x", "module/sub/b"} {
		if _, err := files.Open(name); err == nil {
			t.Errorf("%s can be opened", name)
		}
	}
	if got, err := afero.ReadFile(files, "large"); err != nil || len(got) != maxFile+1 || got[0] != 0 {
		t.Errorf("large: %d bytes, %v", len(got), err)
	}
	if got, err := afero.ReadFile(files, "limit"); err != nil || len(got) != maxFile || got[0] != '0' { // from another process
		t.Errorf("limit: %d bytes, %v", len(got), err)
	}
	if _, err := afero.ReadFile(files, "pointer"); err != nil || !slices.Equal(tree.Pointers(), []string{"pointer"}) || !slices.Equal(tree.Submodules(), []string{"module"}) {
		t.Errorf("pointers %q, submodules %q, %v", tree.Pointers(), tree.Submodules(), err)
	}
	if err := afero.WriteFile(files, "new", nil, 0o600); err == nil {
		t.Error("it can be written")
	}
	for name, want := range map[string]fs.FileMode{".": fs.ModeDir, "sub": fs.ModeDir, "module": fs.ModeDir, "link": fs.ModeSymlink, "linked": fs.ModeSymlink, "binary": 0} {
		info, _, err := files.(afero.Lstater).LstatIfPossible(name)
		if err != nil || info.Mode().Type() != want || info.IsDir() != (want == fs.ModeDir) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	d, err := files.Open("sub")
	if err != nil {
		t.Fatal(err)
	}
	names, err := d.Readdirnames(-1)
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"a[1] é.yaml", "b", "new", "up"}) {
		t.Errorf("%q, %v", names, err)
	}
	before, err := r.Tree(ctx, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	if got := before.Differ(tree); !slices.Contains(got, "large") || slices.Contains(got, "sub/b") || !slices.Equal(got, tree.Differ(before)) {
		t.Errorf("differ: %q", got)
	}
}

// TestTreeIsHostile makes a tree with names that git itself refuses, and one that ends in the middle of a process.
func TestTreeIsHostile(t *testing.T) {
	plain(t)
	dir, ctx := history(t), context.Background()
	blob := gitIn(t, dir, "rev-parse", "HEAD:sub/b")
	script := "printf '100644 blob " + blob + "\\t..\\n100644 blob " + blob + "\\t.git\\n100644 blob " + blob + "\\tok\\n' | git mktree"
	out, err := exec.Command("sh", "-c", "cd '"+dir+"' && "+script).Output()
	if err != nil {
		t.Fatal(err)
	}
	tree := strings.TrimSpace(string(out))
	commit := gitIn(t, dir, "commit-tree", "-m", "hostile", tree)
	r := opened(t, dir)
	got, err := r.Tree(ctx, commit)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Files(), []string{".git", "ok"}) {
		t.Errorf("%q", got.Files())
	}
	if src, err := afero.ReadFile(got.Fs(), "ok"); err != nil || string(src) != "b\n" {
		t.Errorf("%q, %v", src, err)
	}
	got.batch.kill() // as if git crashed
	if _, err := afero.ReadFile(got.Fs(), ".git"); err == nil {
		t.Error("no error from a process that is gone")
	}
	if src, err := afero.ReadFile(got.Fs(), "ok"); err != nil || string(src) != "b\n" {
		t.Errorf("after it: %q, %v", src, err)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	for _, rev := range []string{"-x", "--all", "none", "HEAD:sub", ""} {
		if c, err := r.Commit(ctx, rev); err == nil {
			t.Errorf("%q is %s", rev, c)
		}
	}
}

// TestMainBranch has the branches that are taken for the main one.
func TestMainBranch(t *testing.T) {
	plain(t)
	dir, ctx := history(t), context.Background()
	gitIn(t, dir, "checkout", "-q", "-b", "topic")
	for _, branch := range strings.Fields(gitIn(t, dir, "for-each-ref", "--format=%(refname:short)", "refs/heads")) {
		if branch != "topic" {
			gitIn(t, dir, "branch", "-q", "-D", branch)
		}
	}
	if got, err := opened(t, dir).Main(ctx); err == nil {
		t.Errorf("without one: %s", got)
	}
	for _, ref := range []string{"refs/heads/master", "refs/heads/main", "refs/remotes/origin/master", "refs/remotes/origin/main", "refs/remotes/origin/HEAD"} {
		gitIn(t, dir, "update-ref", ref, "HEAD")
		if got, err := opened(t, dir).Main(ctx); err != nil || got != ref {
			t.Errorf("got %s, %v, want %s", got, err, ref)
		}
	}
}

// TestTreeBesideIndex: whatever the index is like, a commit has the files that git lists of it.
func TestTreeBesideIndex(t *testing.T) {
	plain(t)
	ctx := context.Background()
	for _, tt := range []struct {
		name   string
		change func(dir string)
		listed bool // by ls-tree, since the index cannot serve
	}{
		{"as committed", func(string) {}, false},
		{"changed, added, removed and renamed in the index", func(dir string) {
			write(t, filepath.Join(dir, "sub", "b"), "other\n")
			write(t, filepath.Join(dir, "sub", "deep", "er", "c"), "c\n")
			gitIn(t, dir, "add", "-A")
			gitIn(t, dir, "mv", "sub/a[1] é.yaml", "moved")
			gitIn(t, dir, "rm", "-q", "--cached", "new")
		}, false},
		{"a file is now a directory", func(dir string) {
			gitIn(t, dir, "rm", "-q", "sub/b")
			write(t, filepath.Join(dir, "sub", "b", "c"), "c\n")
			gitIn(t, dir, "add", "-A")
		}, false},
		{"a link and an executable file", func(dir string) {
			if err := os.Symlink("sub", filepath.Join(dir, "link")); err != nil {
				t.Skip(err)
			}
			gitIn(t, dir, "add", "-A")
			gitIn(t, dir, "update-index", "--chmod=+x", "sub/b")
		}, false},
		{"a submodule that .gitmodules ignores", func(dir string) {
			gitIn(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", history(t), "module")
			gitIn(t, dir, "config", "-f", ".gitmodules", "submodule.module.ignore", "all")
		}, false},
		{"a sparse checkout", func(dir string) { gitIn(t, dir, "sparse-checkout", "set", "sub") }, false},
		{"an empty index", func(dir string) { gitIn(t, dir, "read-tree", "--empty") }, true},
		{"no index", func(dir string) { os.Remove(filepath.Join(dir, ".git", "index")) }, true},
		{"a name without content", func(dir string) {
			write(t, filepath.Join(dir, "sub", "later"), "later\n")
			gitIn(t, dir, "add", "-N", "sub/later")
		}, true},
		{"a conflict", func(dir string) {
			blob := gitIn(t, dir, "rev-parse", "HEAD:sub/b")
			c := exec.Command("git", "-C", dir, "update-index", "--index-info")
			c.Stdin = strings.NewReader("0 0000000000000000000000000000000000000000\tsub/b\n100644 " + blob + " 2\tsub/b\n100644 " + blob + " 3\tsub/b\n")
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}, true},
	} {
		dir := history(t)
		write(t, filepath.Join(dir, "new"), "new\n")
		gitIn(t, dir, "add", "-A")
		gitIn(t, dir, "commit", "-qm", "more")
		tt.change(dir)
		for _, at := range []string{dir, filepath.Join(dir, "sub")} {
			r := opened(t, at)
			for _, rev := range []string{"HEAD", "HEAD~1", "HEAD~2"} {
				commit, err := r.Commit(ctx, rev)
				if err != nil {
					t.Fatal(err)
				}
				want, err := r.listed(ctx, commit)
				if err != nil {
					t.Fatal(err)
				}
				got, err := r.besideIndex(ctx, commit)
				if err != nil || (got == nil) != tt.listed || got != nil && !maps.Equal(got, want) {
					t.Errorf("%s, %s in %s: %v, %v, want %v", tt.name, rev, filepath.Base(at), got, err, want)
				}
				tree, err := r.Tree(ctx, commit)
				if err != nil || !maps.Equal(tree.entries, want) {
					t.Errorf("%s, %s in %s: %v, %v, want %v", tt.name, rev, filepath.Base(at), tree, err, want)
				}
			}
		}
	}
}
