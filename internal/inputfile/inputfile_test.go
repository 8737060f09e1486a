//go:build unix

package inputfile

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// write creates files below a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// soon fails when f takes long: an open that waits never ends.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: hangs", what)
	}
}

// TestRead reads regular files, also through links, and refuses everything else at once.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, dir, map[string]string{"file": "secret", "empty": "", "long": strings.Repeat("x", 11)})
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, err := range []error{
		syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("file", at("link")), os.Symlink("pipe", at("link-to-pipe")), os.Symlink("loop", at("loop")),
		os.Symlink("/dev/zero", at("device")), os.Mkdir(at("directory"), 0o700), os.WriteFile(at("huge"), nil, 0o600), os.Truncate(at("huge"), 1<<40),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"file", "secret", ""},
		{"link", "secret", ""},
		{"empty", "", ""},
		{"long", "", ": larger than 10 B; check that it is the right file"},
		{"huge", "", ": larger than 10 B; check that it is the right file"},
		{"pipe", "", ": is not a regular file"},
		{"link-to-pipe", "", ": is not a regular file"},
		{"socket", "", ": is not a regular file"},
		{"device", "", ": is not a regular file"},
		{"directory", "", ": is a directory, not a file"},
		{"loop", "", ": too many levels of symbolic links"},
		{"missing", "", ": no such file or directory"},
	} {
		soon(t, tt.name, func() {
			src, err := Read(at(tt.name), 10)
			switch {
			case tt.want == "" && (err != nil || string(src) != tt.text):
				t.Errorf("%s: %q, %v", tt.name, src, err)
			case tt.want != "" && (err == nil || err.Error() != at(tt.name)+tt.want):
				t.Errorf("%s: %v", tt.name, err)
			}
		})
	}
}

// TestPassword takes away line ends behind a password and nothing else, and never quotes what is in the file.
func TestPassword(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct{ text, password, want string }{
		"plain":         {"secret", "secret", ""},
		"unix":          {"secret\n", "secret", ""},
		"windows":       {"secret\r\n", "secret", ""},
		"old-mac":       {"secret\r", "secret", ""},
		"blank-lines":   {"secret\n\n\r\n", "secret", ""},
		"spaces":        {"  secret \t\n", "  secret \t", ""},
		"line-within":   {"sec\nret\n", "sec\nret", ""},
		"leading-lines": {"\nsecret", "\nsecret", ""},
		"binary":        {"\x00\xff\n", "\x00\xff", ""},
		"empty":         {"", "", " is empty"},
		"only-lines":    {"\r\n\n", "", " is empty"},
		"long":          {strings.Repeat("secret", MaxSecret/6+1), "", ": larger than 1.0 MiB; check that it is the right file"},
	} {
		write(t, dir, map[string]string{name: tt.text})
		file := filepath.Join(dir, name)
		got, err := Password(file)
		switch {
		case got != tt.password:
			t.Errorf("%s: got %q, want %q", name, got, tt.password)
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && (err == nil || err.Error() != file+tt.want):
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	if _, err := Password(filepath.Join(dir, "nowhere")); err == nil || !strings.HasSuffix(err.Error(), "nowhere: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

// TestOpenStream waits for the writer of a pipe, and refuses what is neither a pipe nor a regular file.
func TestOpenStream(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	soon(t, "a pipe", func() {
		go func() {
			if w, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
				_, _ = io.WriteString(w, "data")
				w.Close()
			}
		}()
		f, err := OpenStream(pipe)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if text, err := io.ReadAll(f); err != nil || string(text) != "data" {
			t.Errorf("%q, %v", text, err)
		}
	})
	if _, err := OpenStream("/dev/zero"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a device: %v", err)
	}
	if _, err := OpenStream(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestDir is a file system, of the regular files alone, each up to its limit.
func TestDir(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "0123456789", "sub/b": "b"})
	if err := fstest.TestFS(Dir{Name: dir}, "a", "sub/b"); err != nil {
		t.Error(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	soon(t, "a pipe", func() {
		if _, err := fs.ReadFile(Dir{Name: dir}, "pipe"); !errors.Is(err, ErrNotRegular) {
			t.Error(err)
		}
	})
	if text, err := fs.ReadFile(Dir{Name: dir, Limit: 4}, "a"); err != nil || string(text) != "0123" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := (Dir{Name: dir}).Open("../a"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a name outside: %v", err)
	}
}

// TestReadTree holds the limits of each file and of all.
func TestReadTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": "12345", "sub/b.rego": "12345", "sub/c.txt": "a long text"})
	if err := os.Symlink(dir, filepath.Join(dir, "sub", "again.rego")); err != nil {
		t.Fatal(err)
	}
	rego := func(name string) bool { return strings.HasSuffix(name, ".rego") && !strings.Contains(name, "again") }
	var names []string
	found := func(name string, src []byte) { names = append(names, name+"="+string(src)) }
	if err := ReadTree(dir, 5, 10, rego, found); err != nil || strings.Join(names, " ") != "a.rego=12345 sub/b.rego=12345" {
		t.Errorf("%q, %v", names, err)
	}
	for _, limits := range [][2]int64{{4, 100}, {5, 9}} {
		if err := ReadTree(dir, limits[0], limits[1], rego, found); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("limits %d: %v", limits, err)
		}
	}
	if err := ReadTree(dir, 5, 10, func(name string) bool { return strings.Contains(name, "again") }, found); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a link to a directory: %v", err)
	}
}
