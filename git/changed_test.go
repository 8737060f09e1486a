package git

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestChanged compares a work tree with its last commit, and says for each file why it counts as changed or not.
func TestChanged(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) { testChanged(t, format) })
	}
}

func testChanged(t *testing.T, format string) {
	plain(t)
	base := t.TempDir()
	dir := filepath.Join(base, "repo")
	gitIn(t, base, "init", "-q", "--object-format="+format, dir)
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, at(".gitignore"), "*.log\n")
	for _, name := range []string{"same", "edited", "gone", "mode", "staged", "moved", "sub/same", "sub/edited", "dir/file", "encrypted", "encrypted-edited", "touched", "a name with \"quotes\" é\ttab", "kept.log"} {
		write(t, at(name), "text of "+name+"\nsecond\n")
	}
	write(t, at("crlf"), "one\ntwo\n")
	write(t, at("crlf-edited"), "one\ntwo\n")
	write(t, at("committed-crlf"), "one\r\ntwo\r\n")
	write(t, at("committed-crlf-edited"), "one\r\ntwo\r\n")
	write(t, at("empty"), "")
	do(os.Symlink("same", at("link")))
	do(os.Symlink("same", at("link-edited")))
	do(os.Symlink("same", at("link-to-file")))
	gitIn(t, dir, "add", "-A", "-f")
	gitIn(t, dir, "commit", "-qm", "one")

	write(t, at("edited"), "other\n")
	write(t, at("sub/edited"), "other\n")
	write(t, at("crlf"), "one\r\ntwo\r\n")
	write(t, at("crlf-edited"), "one\r\nthree\r\n")
	write(t, at("committed-crlf-edited"), "one\ntwo\n")
	write(t, at("staged"), "other\n")
	gitIn(t, dir, "add", "staged")
	do(os.Remove(at("gone")))
	do(os.Chmod(at("mode"), 0o755))
	do(os.Rename(at("moved"), at("renamed")))
	do(os.Remove(at("link-edited")))
	do(os.Symlink("edited", at("link-edited")))
	do(os.Remove(at("link-to-file")))
	write(t, at("link-to-file"), "same")
	do(os.Rename(at("dir"), at("elsewhere")))
	do(os.Symlink("elsewhere", at("dir"))) // dir/file is no file of the work tree any more
	do(os.Chtimes(at("touched"), time.Time{}, time.Now().Add(time.Hour)))
	write(t, at("new"), "new\n")
	write(t, at("new.log"), "ignored\n")
	write(t, at("sub/new"), "new\n")
	// What git-crypt and Git LFS make of a file at its checkout: the index has the commit's blob, and what the file then is.
	for _, name := range []string{"encrypted", "encrypted-edited"} {
		write(t, at(name), "decrypted text\n")
		// As old as a checkout, or Git compares a file of the index's own instant by the filter of the moment.
		do(os.Chtimes(at(name), time.Time{}, time.Now().Add(-time.Hour)))
		gitIn(t, dir, "-c", "filter.x.clean=git cat-file blob HEAD:"+name, "-c", "core.attributesFile="+attributes(t), "add", name)
	}
	write(t, at("encrypted-edited"), "decrypted text, edited\n")

	want := []string{"committed-crlf-edited", "crlf-edited", "dir", "dir/file", "edited", "elsewhere/file", "encrypted-edited", "gone", "link-edited", "link-to-file", "moved", "new", "renamed", "staged", "sub/edited", "sub/new"}
	r, ctx := opened(t, dir), context.Background()
	got, err := r.Changed(ctx, "HEAD")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	got, err = opened(t, at("sub")).Changed(ctx, "HEAD")
	if err != nil || !slices.Equal(got, []string{"edited", "new"}) {
		t.Errorf("in sub: %q, %v", got, err)
	}

	// The user's own configuration says what is ignored, the repository's does not.
	own := filepath.Join(base, "own")
	write(t, own, "[core]\n\texcludesFile = "+filepath.Join(base, "excludes")+"\n")
	write(t, filepath.Join(base, "excludes"), "new\n")
	write(t, at(".git/info/exclude"), "renamed\n")
	gitIn(t, dir, "config", "core.excludesFile", "/dev/zero")
	t.Setenv("GIT_CONFIG_GLOBAL", own)
	got, err = opened(t, dir).Changed(ctx, "HEAD")
	want = slices.DeleteFunc(want, func(name string) bool { return strings.HasSuffix(name, "new") || name == "renamed" })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
}

// attributes sets a filter for every file.
func attributes(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "attributes")
	write(t, name, "* filter=x\n")
	return name
}

// TestArrangements compares in every arrangement of work tree and Git directory.
func TestArrangements(t *testing.T) {
	plain(t)
	for _, v := range victims(t, newTrap(t)) {
		t.Run(v.name, func(t *testing.T) {
			if strings.HasPrefix(v.name, "committed files") {
				return // TestNoProgramRuns has it
			}
			name := "sub/a.yaml"
			if filepath.Base(v.dir) == "sub" {
				name = "a.yaml"
			}
			gitIn(t, v.dir, "-c", "filter.x.clean=cat", "checkout", "-q", "HEAD", "--", ".")
			write(t, filepath.Join(v.dir, name), "a: 2\n")
			got, err := opened(t, v.dir).Changed(context.Background(), "HEAD")
			got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, ".git") })
			if err != nil || !slices.Equal(got, []string{name}) {
				t.Errorf("got %q, %v", got, err)
			}
			base, err := opened(t, v.dir).Base(context.Background(), "HEAD~0")
			if err != nil || base != gitIn(t, v.dir, "rev-parse", "HEAD") {
				t.Errorf("base %s, %v", base, err)
			}
		})
	}
}

// TestSparse has a checkout that leaves files out: they did not change.
func TestSparse(t *testing.T) {
	plain(t)
	dir := history(t)
	write(t, filepath.Join(dir, "other", "c"), "c\n")
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-qm", "five")
	gitIn(t, dir, "sparse-checkout", "set", "other")
	if _, err := os.Stat(filepath.Join(dir, "sub", "b")); err == nil {
		t.Skip("this git leaves out nothing")
	}
	got, err := opened(t, dir).Changed(context.Background(), "HEAD")
	if err != nil || len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestUpstream has the revisions that people give: branches, tags, and what a branch follows.
func TestUpstream(t *testing.T) {
	plain(t)
	dir, clone := history(t), filepath.Join(t.TempDir(), "clone")
	gitIn(t, dir, "tag", "-a", "v1", "-m", "one", "HEAD~1")
	gitIn(t, dir, "clone", "-q", dir, clone)
	head := gitIn(t, dir, "rev-parse", "HEAD")
	branch := gitIn(t, dir, "branch", "--show-current")
	write(t, filepath.Join(clone, "more"), "more\n")
	gitIn(t, clone, "add", "-A")
	gitIn(t, clone, "commit", "-qm", "more")
	for rev, want := range map[string]string{"origin/" + branch: head, "@{upstream}": head, "HEAD~1": head, "v1": gitIn(t, dir, "rev-parse", "HEAD~1"), "HEAD@{1}": head} {
		if got, err := opened(t, clone).Base(context.Background(), rev); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", rev, got, err, want)
		}
	}
}
