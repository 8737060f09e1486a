package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
)

// outside is what no test may read or change.
const outside = "secret\n"

// setup returns a folder with links of all sorts, and a file beside it.
func setup(t *testing.T) (fsys *FS, dir, secret string) {
	t.Helper()
	base := t.TempDir()
	dir, secret = filepath.Join(base, "repo"), filepath.Join(base, "secret", "key")
	for _, d := range []string{filepath.Join(dir, "folder"), filepath.Dir(secret)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string]string{secret: outside, filepath.Join(dir, "file"): "file\n", filepath.Join(dir, "folder", "inner"): "inner\n"} {
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"in":         "file",
		"inDir":      "folder",
		"folder/up":  "../file",
		"abs":        secret,
		"absInside":  filepath.Join(dir, "file"),
		"rel":        "../secret/key",
		"out":        "../secret",
		"chain":      "rel",
		"loop":       "pool",
		"pool":       "loop",
		"self":       "self/x",
		"dangling":   "nothing",
		"outNew":     "../secret/new",
		"folder/out": "../../secret",
	} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Skip("no links here:", err)
		}
	}
	fsys, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		fsys.Close()
		if data, err := os.ReadFile(secret); err != nil || string(data) != outside {
			t.Errorf("the file outside is %q, %v", data, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(secret)); err != nil || len(entries) != 1 {
			t.Errorf("outside there are %v, %v", entries, err)
		}
	})
	return fsys, dir, secret
}

// bothWays runs a test with what the system resolves, where it does, and with os.Root alone.
func bothWays(t *testing.T, test func(t *testing.T, fsys *FS, dir, secret string)) {
	t.Helper()
	for _, way := range []string{"resolver", "os.Root"} {
		t.Run(way, func(t *testing.T) {
			fsys, dir, secret := setup(t)
			if way == "resolver" && fsys.by == nil {
				t.Skip("nothing resolves paths here")
			}
			if way == "os.Root" {
				alone(t, fsys)
			}
			test(t, fsys, dir, secret)
		})
	}
}

func alone(t *testing.T, fsys *FS) {
	t.Helper()
	if fsys.by != nil {
		if err := fsys.by.Close(); err != nil {
			t.Fatal(err)
		}
		fsys.by = nil
	}
}

func TestRead(t *testing.T) { bothWays(t, testRead) }

func testRead(t *testing.T, fsys *FS, _, secret string) {
	for _, tt := range []struct {
		name, data string
		err        error
	}{
		{"file", "file\n", nil},
		{"in", "file\n", nil},
		{"inDir/inner", "inner\n", nil},
		{"folder/up", "file\n", nil},
		{"inDir/up", "file\n", nil},
		{"abs", "", ErrLeaves},
		{"absInside", "", ErrLeaves},
		{"rel", "", ErrLeaves},
		{"chain", "", ErrLeaves},
		{"out/key", "", ErrLeaves},
		{"folder/out/key", "", ErrLeaves},
		{"inDir/out/key", "", ErrLeaves},
		{"../secret/key", "", ErrLeaves},
		{"folder/../../secret/key", "", ErrLeaves},
		{secret, "", ErrLeaves},
		{"loop", "", ErrLoop},
		{"self", "", ErrLoop},
		{"dangling", "", fs.ErrNotExist},
		{"nothing", "", fs.ErrNotExist},
	} {
		data, err := afero.ReadFile(fsys, tt.name)
		if string(data) != tt.data || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v; want %q, %v", tt.name, data, err, tt.data, tt.err)
		}
		if _, statErr := fsys.Stat(tt.name); !errors.Is(statErr, tt.err) {
			t.Errorf("stat %s: got %v, want %v", tt.name, statErr, tt.err)
		}
	}
	info, _, err := fsys.LstatIfPossible("abs")
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("a link is %v, %v", info, err)
	}
	if entries, err := afero.ReadDir(fsys, "inDir"); err != nil || len(entries) != 3 {
		t.Errorf("a linked folder has %v, %v", entries, err)
	}
}

// Nothing is written through a link, whether it stays inside or not.
func TestWriteThroughLinks(t *testing.T) {
	fsys, dir, _ := setup(t)
	now := time.Now()
	for _, name := range []string{"in", "abs", "absInside", "rel", "chain", "loop", "dangling", "outNew", "inDir/inner", "inDir/new", "out/key", "out/new", "folder/out/new"} {
		for op, err := range map[string]error{
			"create":   ignore(fsys.Create(name)),
			"append":   ignore(fsys.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)),
			"truncate": ignore(fsys.OpenFile(name, os.O_RDWR|os.O_TRUNC, 0)),
			"chmod":    fsys.Chmod(name, 0o777),
			"chtimes":  fsys.Chtimes(name, now, now),
			"chown":    fsys.Chown(name, os.Getuid(), os.Getgid()),
			"mkdir":    fsys.MkdirAll(name+"/a/b", 0o755),
			"mkdir 1":  fsys.Mkdir(name+"/a", 0o755),
			"onto":     fsys.Rename("file", name),
			"remove":   fsys.Remove(name + "/a"),
			"all":      fsys.RemoveAll(name + "/a"),
			"from":     fsys.Rename(name+"/a", "b"),
		} {
			if !errors.Is(err, ErrLink) {
				t.Errorf("%s %s: %v", op, name, err)
			}
		}
	}
	for _, name := range []string{"../new", "folder/../../new", filepath.Join(filepath.Dir(dir), "new")} {
		for op, err := range map[string]error{
			"create": ignore(fsys.Create(name)),
			"mkdir":  fsys.MkdirAll(name, 0o755),
			"onto":   fsys.Rename("file", name),
			"remove": fsys.Remove(filepath.Join(filepath.Dir(name), "secret", "key")),
			"chmod":  fsys.Chmod(name, 0o777),
		} {
			if !errors.Is(err, ErrLeaves) {
				t.Errorf("%s %s: %v", op, name, err)
			}
		}
	}
	if err := fsys.RemoveAll("folder"); err != nil { // holds links out
		t.Error(err)
	}
	if err := fsys.Remove("abs"); err != nil { // the link itself
		t.Error(err)
	}
}

func ignore(f afero.File, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

func TestWrite(t *testing.T) {
	fsys, dir, _ := setup(t)
	then := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, err := range []error{
		fsys.MkdirAll("a/b", 0o755),
		fsys.Mkdir("a/c", 0o700),
		afero.WriteFile(fsys, "a/b/new", []byte("1\n"), 0o640),
		afero.WriteFile(fsys, "a/b/new", []byte("2\n"), 0o600),
		fsys.Rename("a/b/new", "a/c/moved"),
		fsys.Rename("file", "a/c/moved"),
		fsys.Chmod("a/c/moved", 0o604),
		fsys.Chtimes("a/c/moved", then, then),
		fsys.Chown("a/c/moved", os.Getuid(), os.Getgid()),
		fsys.Remove("a/b"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "a", "c", "moved"))
	if err != nil || info.Mode() != 0o604 || !info.ModTime().Equal(then) || info.Size() != 5 {
		t.Errorf("got %v, %v", info, err)
	}
	d, err := fsys.Open("a/c")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		t.Errorf("a folder cannot be synced: %v", err)
	}
	if err := fsys.Remove("a"); err == nil {
		t.Error("a full folder was removed")
	}
}

// No error tells where on this machine the folder is.
func TestErrorsNameNoFolder(t *testing.T) {
	fsys, dir, _ := setup(t)
	for _, err := range []error{
		ignore(fsys.Open("nothing")), ignore(fsys.Open("rel")), ignore(fsys.Create("in")), ignore(fsys.Create("folder")),
		fsys.Rename("nothing", "x"), fsys.Remove("folder"), fsys.Mkdir("folder", 0o755), fsys.Chmod("nothing", 0),
	} {
		if err == nil || strings.Contains(err.Error(), dir) {
			t.Errorf("got %v", err)
		}
	}
}

func TestLock(t *testing.T) {
	if dir := os.Getenv("ROOTFS_TEST_LOCK"); dir != "" { // the other process
		fsys, err := Open(dir)
		if err == nil {
			err = fsys.Lock()
		}
		if err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	if runtime.GOOS == "js" || runtime.GOOS == "windows" {
		t.Skip("no flock here")
	}
	fsys, dir, _ := setup(t)
	lockedElsewhere := func() (string, bool) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLock$")
		cmd.Env = append(os.Environ(), "ROOTFS_TEST_LOCK="+dir)
		out, err := cmd.Output()
		return string(out), err != nil
	}
	if out, locked := lockedElsewhere(); locked {
		t.Fatalf("locked before Lock: %s", out)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it has it already
		if err := fsys.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	if out, locked := lockedElsewhere(); !locked || out != ErrLocked.Error() {
		t.Errorf("another process got the lock too: %s", out)
	}
	if err := fsys.Close(); err != nil {
		t.Error(err)
	}
	if out, locked := lockedElsewhere(); locked {
		t.Errorf("locked after Close: %s", out)
	}
	if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
		t.Errorf("the lock left %v, %v", after, err)
	}
}
