package repo

import (
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// swapFs has something else under a name by the time it is opened.
type swapFs struct {
	afero.Fs
	mode fs.FileMode
}

func (s swapFs) Open(name string) (afero.File, error) {
	f, err := s.Fs.Open(name)
	return swapped{f, s.mode}, err
}

type swapped struct {
	afero.File
	mode fs.FileMode
}

type swappedInfo struct {
	fs.FileInfo
	mode fs.FileMode
}

func (s swapped) Stat() (fs.FileInfo, error) {
	info, err := s.File.Stat()
	return swappedInfo{info, s.mode}, err
}

func (s swapped) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

func (s swappedInfo) Mode() fs.FileMode { return s.mode }
func (s swappedInfo) IsDir() bool       { return s.mode.IsDir() }

// TestSwapped puts something else into the place of a file between the question what it is and the reading.
func TestSwapped(t *testing.T) {
	fsys := afero.NewMemMapFs()
	if err := afero.WriteFile(fsys, "a.yaml", []byte("a: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]string{
		fs.ModeNamedPipe:                  "is not a regular file",
		fs.ModeDevice | fs.ModeCharDevice: "is not a regular file",
		fs.ModeSocket:                     "is not a regular file",
		fs.ModeDir:                        "is a directory",
	} {
		if _, err := ReadBytes(swapFs{fsys, mode}, "a.yaml", MaxFileSize); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", mode, err)
		}
	}
	if _, err := ReadBytes(fsys, "a.yaml", 4); err == nil || !strings.Contains(err.Error(), "limit 0.1 MiB") {
		t.Errorf("too large: got %v", err)
	}
	if got, err := ReadBytes(fsys, "a.yaml", 5); err != nil || string(got) != "a: 1\n" {
		t.Errorf("got %q, %v", got, err)
	}
}
