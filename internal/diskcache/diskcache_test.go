//go:build unix

package diskcache

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const key = "0123456789abcdef0123456789abcdef"

func opened(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func saved(t *testing.T) (d *Dir, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "cache", "tool")
	d = opened(t, dir)
	d.Save(key, []byte("data"))
	if got := d.Load(key); string(got) != "data" {
		t.Fatalf("got %q", got)
	}
	return d, dir
}

func TestSave(t *testing.T) {
	t.Parallel()
	d, dir := saved(t)
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, key): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	d.Save(key, nil)
	if got := d.Load(key); got == nil || len(got) != 0 {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"", "a", "../" + key, key + "/a", strings.ToUpper(key), "tmp-" + key} {
		d.Save(bad, []byte("x"))
		if got := d.Load(bad); got != nil {
			t.Errorf("%q has %q", bad, got)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// TestRefused opens no directory that others could have written to, or that leads elsewhere.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"others may write":  func(dir string) error { return os.Chmod(dir, 0o722) },
		"others may read":   func(dir string) error { return os.Chmod(dir, 0o744) },
		"the group may":     func(dir string) error { return os.Chmod(dir, 0o770) },
		"it is a link":      func(dir string) error { return os.Rename(dir, dir+"2") },
		"it is a file":      func(dir string) error { return os.RemoveAll(dir) },
		"it is of somebody": func(dir string) error { return os.Chown(dir, 12345, -1) },
	} {
		_, dir := saved(t)
		err := spoil(dir)
		switch name {
		case "it is a link":
			err = os.Symlink(dir+"2", dir)
		case "it is a file":
			err = os.WriteFile(dir, nil, 0o600)
		case "it is of somebody":
			if os.Geteuid() != 0 {
				continue
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if d, err := open(dir); err == nil {
			d.Close()
			t.Errorf("%s: it was opened", name)
		}
	}
}

// TestPoisoned loads nothing that was not saved whole under its key by this user.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("f", len(key))
	for name, poison := range map[string]func(dir string) error{
		"cut off":        func(dir string) error { return os.Truncate(filepath.Join(dir, key), 10) },
		"emptied":        func(dir string) error { return os.Truncate(filepath.Join(dir, key), 0) },
		"with zeros":     func(dir string) error { return os.Truncate(filepath.Join(dir, key), 1000) },
		"another entry":  func(dir string) error { return os.Rename(filepath.Join(dir, other), filepath.Join(dir, key)) },
		"of another one": func(dir string) error { return os.Chown(filepath.Join(dir, key), 12345, -1) },
		"a link": func(dir string) error {
			return errorsOf(os.Rename(filepath.Join(dir, key), filepath.Join(dir, "x")), os.Symlink("x", filepath.Join(dir, key)))
		},
		"a pipe": func(dir string) error {
			return errorsOf(os.Remove(filepath.Join(dir, key)), syscall.Mkfifo(filepath.Join(dir, key), 0o600))
		},
		"a directory": func(dir string) error {
			return errorsOf(os.Remove(filepath.Join(dir, key)), os.Mkdir(filepath.Join(dir, key), 0o700))
		},
		"one byte": func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, key))
			if err == nil {
				text[1] ^= 1
				err = os.WriteFile(filepath.Join(dir, key), text, 0o600)
			}
			return err
		},
	} {
		d, dir := saved(t)
		d.Save(other, []byte("other"))
		if name == "of another one" && os.Geteuid() != 0 {
			continue
		}
		if err := poison(dir); err != nil {
			t.Fatal(err)
		}
		done := make(chan []byte, 1)
		go func() { done <- d.Load(key) }()
		select {
		case got := <-done:
			if got != nil {
				t.Errorf("%s: got %q", name, got)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: hangs", name)
		}
		if name != "a directory" {
			d.Save(key, []byte("again"))
			if got := d.Load(key); string(got) != "again" {
				t.Errorf("%s: then got %q", name, got)
			}
		}
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestEvicted removes what was not used for the longest time, also after the clock has jumped.
func TestEvicted(t *testing.T) {
	t.Parallel()
	d, dir := saved(t)
	d.all = 10_000
	name := func(i int) string { return fmt.Sprintf("%032x", i) }
	for i := range 8 {
		d.Save(name(i), make([]byte, 1000))
		at := time.Now().Add(time.Duration(i-20) * time.Minute)
		if i == 5 {
			at = at.Add(1000 * time.Hour) // from when the clock was wrong
		}
		if err := os.Chtimes(filepath.Join(dir, name(i)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if d.Load(name(0)) == nil {
		t.Fatal("nothing is kept")
	}
	for _, file := range []string{"tmp-old", "tmp-new"} {
		if err := os.WriteFile(filepath.Join(dir, file), make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "tmp-old"), old, old); err != nil {
		t.Fatal(err)
	}
	d.Save(name(100), make([]byte, 4000))
	for i, want := range map[int]bool{0: true, 1: false, 5: false, 2: false, 3: true, 7: true, 100: true} {
		if got := d.Load(name(i)) != nil; got != want {
			t.Errorf("entry %d is there: %v", i, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp-old")); err == nil {
		t.Error("an abandoned file is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp-new")); err != nil {
		t.Error("the file of another process is gone")
	}
	d.Save(name(200), make([]byte, 20_000))
	if d.Load(name(200)) != nil || d.Load(name(100)) == nil {
		t.Error("what does not fit has replaced what does")
	}
}

// TestAtOnce saves and loads from several goroutines and directories opened twice: each load gives one of what was saved, whole.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	_, dir := saved(t)
	var wg sync.WaitGroup
	for g := range 8 {
		d := opened(t, dir)
		wg.Go(func() {
			for i := range 100 {
				d.Save(key, bytes.Repeat([]byte{byte('a' + g)}, 10_000+i))
				if got := d.Load(key); len(got) < 10_000 || len(bytes.Trim(got, string(got[:1]))) > 0 {
					t.Errorf("got %d bytes: %.20q", len(got), got)
					return
				}
			}
		})
	}
	wg.Wait()
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// TestFull saves on a disk without room, where there are such disks, and into a directory that cannot be written to.
func TestFull(t *testing.T) {
	t.Parallel()
	d, dir := saved(t)
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		d.Save(key, []byte("new"))
		if got := d.Load(key); string(got) != "data" {
			t.Errorf("got %q", got)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return
	}
	small := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", small).CombinedOutput(); err != nil {
		t.Skipf("no small disk here: %s", out)
	}
	defer func() {
		if out, err := exec.Command("umount", small).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	full, err := open(filepath.Join(small, "tool"))
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	full.Save(key, []byte("data"))
	full.Save(key, make([]byte, 200_000))
	if got := full.Load(key); string(got) != "data" {
		t.Errorf("got %d bytes", len(got))
	}
	if list, err := os.ReadDir(filepath.Join(small, "tool")); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// TestProgram identifies the test's own program as cmd/go does, and gives every other one something else.
func TestProgram(t *testing.T) {
	t.Parallel()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	id := Program()
	if len(id) < 20 {
		t.Fatalf("got %q", id)
	}
	out, err := exec.Command("go", "tool", "buildid", name).Output()
	if err != nil {
		t.Skip(err)
	}
	if want := strings.TrimSpace(string(out)); id != want && len(id) != 64 {
		t.Errorf("got %q, want %q", id, want)
	}
	for _, head := range []string{"", "abc", "\xff Go build ID: \"", "\xff Go build ID: \"\"\n \xff", "\x04\x00\x00\x00Go\x00\x00", "\xff\xff\xff\xff\x04\x00\x00\x00Go\x00\x00abc"} {
		if id := buildID([]byte(head)); id != "" {
			t.Errorf("%q has %q", head, id)
		}
	}
	if id := buildID([]byte("x\xff Go build ID: \"a/b/c/d\"\n \xff")); id != "a/b/c/d" {
		t.Errorf("got %q", id)
	}
}
