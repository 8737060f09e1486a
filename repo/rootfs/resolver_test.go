package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/spf13/afero"
)

// TestSameBothWays asks for all that there is, and for what is not, with and without the resolver.
func TestSameBothWays(t *testing.T) {
	t.Parallel()
	fsys, dir, secret := setup(t)
	other, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	alone(t, other)
	names := []string{"", ".", "/", "..", "../secret/key", "file/", "file/x", "none/../file", "folder/none", "a\x00b", strings.Repeat("x", 300), secret, dir}
	for _, in := range []string{"", "folder/", "inDir/", "out/", "file/", "none/"} {
		for _, name := range []string{"file", "inner", "folder", "in", "inDir", "up", "abs", "absInside", "rel", "out", "chain", "loop", "self", "dangling", "outNew", "out/key", "key"} {
			names = append(names, in+name)
		}
	}
	for _, name := range names {
		got, want := described(fsys, name), described(other, name)
		if got != want {
			t.Errorf("%q is\n%s, and with os.Root alone\n%s", name, got, want)
		}
	}
}

// described is all that can be asked about a name.
func described(fsys *FS, name string) string {
	var b strings.Builder
	say := func(info fs.FileInfo, err error) {
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			return
		}
		fmt.Fprintf(&b, "%s %d %v %v %v\n", info.Name(), info.Size(), info.Mode(), info.ModTime().UTC(), info.IsDir())
	}
	say(fsys.Stat(name))
	info, _, err := fsys.LstatIfPossible(name)
	say(info, err)
	f, err := fsys.Open(name)
	if err != nil {
		return b.String() + err.Error()
	}
	defer f.Close()
	say(f.Stat())
	text, err := io.ReadAll(f)
	fmt.Fprintf(&b, "%q %v\n", text, err != nil)
	typed, ok := f.(fs.ReadDirFile)
	if !ok {
		_, err := f.Readdirnames(-1)
		fmt.Fprintf(&b, "%v\n", err != nil)
		return b.String()
	}
	entries, err := typed.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	fmt.Fprintf(&b, "%v\n", err != nil)
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %v %v ", e.Name(), e.Type(), e.IsDir())
		say(e.Info())
	}
	return b.String()
}

// TestSwapped reads a file while its folder is now a folder, now a link to the outside, which must never be read.
func TestSwapped(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, fsys *FS, dir, secret string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		for _, err := range []error{os.MkdirAll(at("real/deep"), 0o755), os.WriteFile(at("real/deep/key"), []byte("inside\n"), 0o644),
			os.MkdirAll(at("bait"), 0o755), os.Symlink(filepath.Dir(secret), at("bait/deep")), os.Symlink("real", at("now"))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() {
			until := time.Now().Add(300 * time.Millisecond)
			for i := 0; time.Now().Before(until); i++ {
				if err := errors.Join(os.Symlink([]string{"real", "bait"}[i%2], at("next")), os.Rename(at("next"), at("now"))); err != nil {
					done <- err
					return
				}
				// And the folder itself.
				if err := errors.Join(os.Rename(at("real/deep"), at("kept")), os.Rename(at("bait/deep"), at("real/deep")), os.Rename(at("kept"), at("bait/deep"))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		inside := 0
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				if inside == 0 {
					t.Error("the file inside was never read")
				}
				return
			default:
			}
			for _, name := range []string{"now/deep/key", "real/deep/key", "bait/deep/key"} {
				text, err := afero.ReadFile(fsys, name)
				if err == nil && string(text) != "inside\n" {
					t.Fatalf("%s is %q", name, text)
				}
				if err == nil {
					inside++
				}
				if info, err := fsys.Stat(name); err == nil && info.Size() != int64(len("inside\n")) {
					t.Fatalf("%s has %d bytes", name, info.Size())
				}
			}
		}
	})
}

// TestFile reads a file in all ways.
func TestFile(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, fsys *FS, dir, _ string) {
		text := bytes.Repeat([]byte("0123456789"), 5000)
		name := filepath.Join(dir, "long")
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Open("long")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(f, text); err != nil {
			t.Error(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Error(err)
		}
		grown := append(slices.Clone(text), "more"...)
		if err := os.WriteFile(name, grown, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, grown) {
			t.Errorf("got %d bytes, %v, of a file that grew to %d", len(got), err, len(grown))
		}
		if _, err := f.Seek(-1, io.SeekStart); err == nil {
			t.Error("read before the start")
		}
		for what, err := range map[string]error{"write": writeAll(f), "truncate": f.Truncate(0)} {
			if err == nil {
				t.Errorf("%s: a file that was opened for reading was changed", what)
			}
		}
		if _, err := f.Readdir(-1); err == nil {
			t.Error("a file was listed")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("reading after the end gives %v", err)
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("the second end gives %v", err)
		}
	})
}

// writeAll returns an error only if all ways to write do.
func writeAll(f afero.File) error {
	_, write := f.Write([]byte("x"))
	_, at := f.WriteAt([]byte("x"), 0)
	_, text := f.WriteString("x")
	if write == nil || at == nil || text == nil {
		return nil
	}
	return errors.Join(write, at, text)
}

// TestClosed asks a folder that was closed.
func TestClosed(t *testing.T) {
	fsys, _, _ := setup(t)
	if err := fsys.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Open("file"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestFolder lists a folder in parts.
func TestFolder(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, fsys *FS, dir, _ string) {
		want := []string{"inner", "out", "up"}
		listed := func(what string, part func(f afero.File, n int) ([]string, error)) {
			f, err := fsys.Open("folder")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var got []string
			for range 3 {
				names, err := part(f, 2)
				if len(names) > 2 || err != nil && (err != io.EOF || len(names) > 0) {
					t.Errorf("%s: %q, %v", what, names, err)
				}
				got = append(got, names...)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q", what, got)
			}
			if _, err := part(f, 1); err != io.EOF {
				t.Errorf("%s: the end is %v", what, err)
			}
			if names, err := part(f, -1); err != nil || len(names) > 0 {
				t.Errorf("%s: behind the end are %q, %v", what, names, err)
			}
			if _, err := f.Read(make([]byte, 1)); err == nil {
				t.Errorf("%s: a folder was read", what)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if _, err := part(f, -1); !errors.Is(err, fs.ErrClosed) && !strings.Contains(err.Error(), "closed") {
				t.Errorf("%s: a closed folder gives %v", what, err)
			}
		}
		listed("names", func(f afero.File, n int) ([]string, error) { return f.Readdirnames(n) })
		listed("infos", func(f afero.File, n int) (names []string, _ error) {
			all, err := f.Readdir(n)
			for _, info := range all {
				names = append(names, info.Name())
			}
			return names, err
		})
		listed("entries", func(f afero.File, n int) (names []string, _ error) {
			all, err := f.(fs.ReadDirFile).ReadDir(n)
			for _, e := range all {
				names = append(names, e.Name())
			}
			return names, err
		})
	})
}
