//go:build unix

package git

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipes puts a pipe into the place of each file that git reads. It would wait for the other end; each is refused at once, by
// name, and what git does not read is ignored.
func TestPipes(t *testing.T) {
	base := history(t)
	first := func(t *testing.T, dir, pattern string) string {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("nothing is %s: %v", pattern, err)
		}
		return found[0]
	}
	tests := []struct {
		name    string // of the pipe, or a pattern of what it replaces
		ignored bool
	}{
		{".git", false}, {".git/HEAD", false}, {".git/config", false}, {".git/packed-refs", false}, {".git/index", false}, {".git/commondir", false},
		{".git/shallow", false}, {".git/info/exclude", false}, {".git/refs", false}, {".git/refs/heads/*", false}, {".git/refs/tags/x", false},
		{".git/logs", false}, {".git/logs/HEAD", false}, {".git/sharedindex.x", false}, {".git/objects", false}, {".git/objects/info", false},
		{".git/objects/info/alternates", false}, {".git/objects/info/commit-graph", false}, {".git/objects/pack/multi-pack-index", false},
		{".git/objects/pack/*.pack", false}, {".git/objects/pack/*.idx", false}, {".git/objects/??/*", false},
		{".gitignore", false}, {"sub/.gitignore", false}, {"inner/.git/HEAD", false}, {"inner/.git", false},
		{".git/info/attributes", true}, {".git/hooks", true}, {".git/description", true}, {".git/config.worktree", true}, {".gitattributes", true}, {"a-pipe", true},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, "/", " "), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			gitIn(t, dir, "repack", "-q")
			write(t, filepath.Join(dir, "inner", "file"), "x")
			gitIn(t, filepath.Join(dir, "inner"), "init", "-q")
			gitIn(t, dir, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "loose")
			at := filepath.Join(dir, tt.name)
			if strings.ContainsAny(tt.name, "*?") {
				at = first(t, dir, tt.name)
			}
			if err := os.RemoveAll(at); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(at, 0o600); err != nil {
				t.Fatal(err)
			}
			refusal(t, dir, at, tt.ignored)
		})
	}
}

// refusal asks for what has changed, and compares what comes of it.
func refusal(t *testing.T, dir, at string, ignored bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := opened(t, dir)
	base, err := r.Base(ctx, "HEAD")
	if err == nil {
		_, err = r.Changed(ctx, base)
	}
	switch {
	case ctx.Err() != nil:
		t.Errorf("git waited for %s", at)
	case ignored && err != nil:
		t.Errorf("%s is refused, which git does not read: %v", at, err)
	case !ignored && (err == nil || !strings.Contains(err.Error(), at+" is not a regular file")):
		t.Errorf("%s: the error is %v", at, err)
	}
}

// TestBehindLinks finds a pipe behind a link, in the objects that others are borrowed from, and in the shared part of a linked work
// tree; a socket is none of the files either, and links in a circle end.
func TestBehindLinks(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, dir, elsewhere string) (at string, err error){
		"link": func(_ *testing.T, dir, elsewhere string) (string, error) {
			at := filepath.Join(dir, ".git", "refs", "tags", "linked")
			return at, os.Symlink(filepath.Join(elsewhere, "pipe"), at)
		},
		"directory": func(_ *testing.T, dir, elsewhere string) (string, error) {
			at := filepath.Join(dir, ".git", "refs", "more")
			return filepath.Join(at, "pipe"), os.Symlink(elsewhere, at)
		},
		"alternates": func(_ *testing.T, dir, elsewhere string) (string, error) {
			return filepath.Join(elsewhere, "pipe"), os.WriteFile(filepath.Join(dir, ".git", "objects", "info", "alternates"), []byte("# from\n"+elsewhere+"\n"), 0o600)
		},
		"socket": func(t *testing.T, dir, _ string) (string, error) {
			at := filepath.Join(dir, ".git", "index")
			if err := os.Remove(at); err != nil {
				return "", err
			}
			t.Chdir(filepath.Dir(at)) // a name of a socket has at most 100 bytes
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "index", Net: "unix"})
			if err != nil {
				return "", err
			}
			l.SetUnlinkOnClose(false)
			return at, l.Close()
		},
		"device": func(t *testing.T, dir, _ string) (string, error) {
			at := filepath.Join(dir, ".git", "objects", "info", "commit-graph")
			return at, os.Symlink("/dev/zero", at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, elsewhere := history(t), t.TempDir()
			if err := syscall.Mkfifo(filepath.Join(elsewhere, "pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, loop := range []string{"y", "z"} {
				if err := os.Symlink("..", filepath.Join(dir, ".git", "objects", loop)); err != nil {
					t.Fatal(err)
				}
			}
			at, err := plant(t, dir, elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			refusal(t, dir, at, false)
		})
	}
}
