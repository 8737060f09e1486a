package dirent

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRead finds what package os finds, of a directory that takes several calls.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	want := map[string]byte{}
	for i := range 600 {
		file := fmt.Sprint(i) + strings.Repeat("x", 100)
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		want[file] = unix.DT_REG
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("folder", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	want["folder"], want["link"] = unix.DT_DIR, unix.DT_LNK
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := map[string]byte{}
	if err := Read(int(f.Fd()), func(name string, kind byte) { got[name] = kind }); err != nil {
		t.Fatal(err)
	}
	if got["folder"] == unix.DT_UNKNOWN {
		t.Skip("the file system does not say types")
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %d entries, want %d", len(got), len(want))
	}
	file, err := os.Open(filepath.Join(dir, "0"+strings.Repeat("x", 100)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := Read(int(file.Fd()), func(string, byte) { t.Error("a file has entries") }); err != unix.ENOTDIR {
		t.Errorf("got %v", err)
	}
}

// TestParse refuses entries that do not fit together.
func TestParse(t *testing.T) {
	entry := make([]byte, 24)
	entry[length], entry[kind] = 24, unix.DT_REG
	copy(entry[name:], "ab")
	for size, want := range map[byte]bool{24: true, 0: false, name: false, 25: false, 20: false} {
		entry[length] = size
		n := 0
		if got := parse(entry, func(text string, kind byte) {
			n++
			if size == 24 && (text != "ab" || kind != unix.DT_REG) {
				t.Errorf("got %q, %d", text, kind)
			}
		}); got != want || want && n != 1 {
			t.Errorf("size %d: %v, %d entries", size, got, n)
		}
	}
}
