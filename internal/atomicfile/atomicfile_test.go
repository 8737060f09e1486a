//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// list returns the names in a directory.
func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// has fails when a file has another text or mode.
func has(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil || string(data) != text {
		t.Errorf("%s has %q, %v", name, data, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }

	// A new file, and one in place of another.
	for _, s := range []string{"one", "two"} {
		if err := Write(at("file"), text(s)); err != nil {
			t.Fatal(err)
		}
		has(t, at("file"), s, 0o600)
	}
	// What fill fails of is its own error, and the file stays.
	broken := errors.New("broken")
	if err := Write(at("file"), func(w io.Writer) error { io.WriteString(w, "three"); return broken }); err != broken {
		t.Error(err)
	}
	has(t, at("file"), "two", 0o600)

	// Links stay, also those that lead nowhere yet.
	if err := os.Symlink("file", at("link")); err != nil {
		t.Fatal(err)
	}
	if err := Write(at("link"), text("four")); err != nil {
		t.Fatal(err)
	}
	has(t, at("file"), "four", 0o600)
	if to, err := os.Readlink(at("link")); err != nil || to != "file" {
		t.Errorf("the link is %q, %v", to, err)
	}

	// A pipe is written to, not replaced.
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		data, _ := os.ReadFile(at("pipe"))
		got <- string(data)
	}()
	if err := Write(at("pipe"), text("five")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "five" {
		t.Errorf("the pipe gives %q", s)
	}

	for name, want := range map[string]string{"": "it is a directory; pass the name of a file in it", "nosuch/file": "no such file or directory; nothing was changed", "file/file": "not a directory; nothing was changed"} {
		if err := Write(at(name), text("x")); err == nil || !strings.HasPrefix(err.Error(), "cannot write "+at(name)+": ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if names := list(t, dir); names != "file link pipe" {
		t.Errorf("files: %s", names)
	}
}

// TestFullDisk tells an error of the disk from one of what is written.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	if err := Write("/dev/full", text("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

// TestFile publishes or discards files, those with a name in the meantime and those without one.
func TestFile(t *testing.T) {
	for _, named := range []bool{false, true} {
		dir := t.TempDir()
		at := filepath.Join(dir, "file")
		create := func(mode fs.FileMode) *File {
			t.Helper()
			f, err := Create(at, mode)
			if err != nil {
				t.Fatal(err)
			}
			if named && f.name == "" { // as on a system that cannot do without
				f.f.Close()
				if f.f, err = os.CreateTemp(dir, ".file.*.tmp"); err != nil {
					t.Fatal(err)
				}
				f.name = f.f.Name()
				if err := f.f.Chmod(mode); err != nil {
					t.Fatal(err)
				}
			}
			return f
		}
		f := create(0o644)
		if _, err := io.WriteString(f, "one"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there before it is published: %v", err)
		}
		if err := f.Publish(); err != nil {
			t.Fatal(err)
		}
		f.Discard() // too late
		has(t, at, "one", 0o644)

		f = create(Private)
		if _, err := io.WriteString(f, "two"); err != nil {
			t.Fatal(err)
		}
		f.Discard()
		f.Discard()
		if err := f.Publish(); err == nil {
			t.Error("a discarded file was published")
		}
		has(t, at, "one", 0o644)
		if names := list(t, dir); names != "file" {
			t.Errorf("files: %s", names)
		}
	}
}

func TestWriteDirectory(t *testing.T) {
	base := t.TempDir()
	at := filepath.Join(base, "new", "directory")
	fill := func(dir string) error { return os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644) }
	if err := WriteDirectory(at, fill); err != nil {
		t.Fatal(err)
	}
	has(t, filepath.Join(at, "file"), "text", 0o644)
	if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := WriteDirectory(at, fill); err == nil || err.Error() != at+" is not empty; pass a new directory" {
		t.Errorf("a directory with a file: %v", err)
	}
	// An empty one is replaced.
	empty := filepath.Join(base, "empty")
	if err := errors.Join(os.Mkdir(empty, 0o700), WriteDirectory(empty, fill)); err != nil {
		t.Fatal(err)
	}
	has(t, filepath.Join(empty, "file"), "text", 0o644)
	// Nothing is left of one that could not be filled.
	broken := errors.New("broken")
	if err := WriteDirectory(filepath.Join(base, "half"), func(dir string) error { return errors.Join(fill(dir), broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := WriteDirectory(filepath.Join(at, "file", "below"), fill); err == nil || err.Error() != filepath.Join(at, "file", "below")+": not a directory" {
		t.Errorf("below a file: %v", err)
	}
	if names := list(t, base); names != "empty new" {
		t.Errorf("files: %s", names)
	}
}
