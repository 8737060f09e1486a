//go:build unix

package rootfs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestNotRegular opens what would be waited for or read without end, directly and by a link; also when it takes the place of a
// file between the question what it is and the opening.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink("pipe", at("link")); err != nil {
		t.Fatal(err)
	}
	fsys, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	testNotRegular(t, fsys)
	alone(t, fsys)
	testNotRegular(t, fsys)
}

func testNotRegular(t *testing.T, fsys *FS) {
	t.Helper()
	for _, name := range []string{"pipe", "socket", "link"} {
		done := make(chan error, 2)
		go func() {
			_, err := fsys.Open(name)
			done <- err
			_, err = fsys.OpenFile(name, os.O_RDONLY, 0)
			done <- err
		}()
		for range 2 {
			select {
			case err := <-done:
				if !errors.Is(err, ErrNotRegular) {
					t.Errorf("%s: got %v", name, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: hangs", name)
			}
		}
	}
	if f, err := fsys.Open("."); err != nil {
		t.Error(err)
	} else if names, err := f.Readdirnames(-1); err != nil || len(names) != 3 {
		t.Errorf("got %q, %v", names, err)
	} else if err := f.Close(); err != nil {
		t.Error(err)
	}
}
