// Package inputfile reads files that a flag or an argument names: regular files only, up to a size, and without waiting.
package inputfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// MaxSecret is the size limit of passwords, certificates and keys, in bytes.
const MaxSecret = 1 << 20

// ErrNotRegular is about a named pipe, a device or a socket, which would be waited for, or read without end.
var ErrNotRegular = errors.New("is not a regular file")

var errDirectory = errors.New("is a directory, not a file")

// Open opens a regular file. It asks the open file what it is, so that nothing can be put into its place in between, and never
// waits. The error is an [fs.PathError].
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		if errors.Is(err, syscall.ENXIO) { // a socket
			err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
		}
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "open", Path: name, Err: errDirectory}
	case !info.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read reads all of a regular file of at most limit bytes. Errors name the file.
func Read(name string, limit int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, Cause(name, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, Cause(name, err)
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("%s: larger than %s; check that it is the right file", name, rdb.FormatBytes(uint64(limit)))
	}
	return src, nil
}

// Password reads a password from a regular file of at most [MaxSecret] bytes, without the line ends that editors and shells put behind
// it. Spaces are part of a password. An empty password is an error; errors name the file and nothing of what is in it.
func Password(name string) (string, error) {
	src, err := Read(name, MaxSecret)
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(src), "\r\n")
	if password == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return password, nil
}

// Cause describes what is wrong with a file, without the path twice.
func Cause(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", name, p.Err)
	}
	return err
}

// OpenStream opens what is read once, from its beginning to its end: a regular file or a named pipe, whose writer is waited for.
func OpenStream(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return Open(name)
	}
	return os.Open(name)
}

// A Dir is a directory with the regular files in it alone.
type Dir struct {
	Name  string
	Limit int64 // of one file, in bytes; 0: none
}

// Open implements [fs.FS].
func (d Dir) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	full := filepath.Join(d.Name, filepath.FromSlash(name))
	if info, err := os.Stat(full); err == nil && info.IsDir() {
		return os.Open(full)
	}
	f, err := Open(full)
	if err != nil {
		return nil, err
	}
	if d.Limit == 0 {
		return f, nil
	}
	return limitedFile{f, io.LimitReader(f, d.Limit)}, nil
}

// limitedFile ends after a limit.
type limitedFile struct {
	*os.File
	r io.Reader
}

func (l limitedFile) Read(p []byte) (int, error) { return l.r.Read(p) }

// ReadTree reads the files below a directory for which is returns true, each of at most limit bytes, and of at most total bytes
// together. A link to a directory is not followed.
func ReadTree(dir string, limit, total int64, is func(name string) bool, found func(name string, src []byte)) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !is(filepath.ToSlash(name)) {
			return err
		}
		src, err := Read(name, min(total, limit))
		if err != nil {
			return err
		}
		total -= int64(len(src))
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		found(filepath.ToSlash(rel), src)
		return nil
	})
}
