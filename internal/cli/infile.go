package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Limits of files that a flag names, in bytes.
const (
	maxSecret     = 1 << 20  // passwords, certificates and keys
	maxPassword   = 64 << 10 // one that goes into a URL
	maxBaseline   = 64 << 20 // 200,000 findings take about half of it
	maxCheckpoint = 16 << 20
	maxRules      = 64 << 20 // all files of a directory of rules
	maxPage       = 64 << 20 // a file of the built page
)

// errNotRegular is about a named pipe, a device or a socket, which would be waited for, or read without end.
var errNotRegular = errors.New("is not a regular file")

var errDirectory = errors.New("is a directory, not a file")

// openRegular opens a regular file that a flag or argument names. It asks the open file what it is, so that nothing can be put
// into its place in between, and never waits. The error is an [fs.PathError].
func openRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		if errors.Is(err, syscall.ENXIO) { // a socket
			err = &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
		}
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "open", Path: name, Err: errDirectory}
	case !info.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readRegular reads all of a regular file of at most limit bytes. Errors name the file.
func readRegular(name string, limit int64) ([]byte, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, fileCause(name, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fileCause(name, err)
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("%s: larger than %s; check that it is the right file", name, rdb.FormatBytes(uint64(limit)))
	}
	return src, nil
}

// openStream opens what is read once, from its beginning to its end: a regular file or a named pipe, whose writer is waited for.
func openStream(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return openRegular(name)
	}
	return os.Open(name)
}

// regularFS is a directory that a flag names, with the regular files in it alone.
type regularFS struct {
	dir   string
	limit int64 // of one file; 0: none, for dumps
}

// Open implements [fs.FS].
func (r regularFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	full := filepath.Join(r.dir, filepath.FromSlash(name))
	if info, err := os.Stat(full); err == nil && info.IsDir() {
		return os.Open(full)
	}
	f, err := openRegular(full)
	if err != nil {
		return nil, err
	}
	if r.limit == 0 {
		return f, nil
	}
	return limitedFile{f, io.LimitReader(f, r.limit)}, nil
}

// limitedFile ends after a limit.
type limitedFile struct {
	*os.File
	r io.Reader
}

func (l limitedFile) Read(p []byte) (int, error) { return l.r.Read(p) }

// readRules reads the files of a directory for which is says so. A link to a directory is not followed.
func readRules(dir string, is func(name string) bool, found func(name string, src []byte)) error {
	left := int64(maxRules)
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !is(filepath.ToSlash(name)) {
			return err
		}
		src, err := readRegular(name, min(left, repo.MaxFileSize))
		if err != nil {
			return err
		}
		left -= int64(len(src))
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		found(filepath.ToSlash(rel), src)
		return nil
	})
}
