package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
)

// directory is a store in a directory, such as where a PersistentVolumeClaim is mounted. Only the owner can read its files.
type directory string

// String returns the name of the directory.
func (d directory) String() string { return string(d) }

// Put implements [Store].
func (d directory) Put(ctx context.Context, name string, from io.Reader) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return cause(err)
	}
	at := filepath.Join(string(d), name)
	if _, err := os.Lstat(at); err == nil {
		return errExists
	}
	f, err := atomicfile.Create(at, atomicfile.Private)
	if err != nil {
		return cause(err)
	}
	defer f.Discard()
	if _, err := io.Copy(f, untilDone{ctx, from}); err != nil {
		return cause(err)
	}
	return cause(f.Publish())
}

// Open implements [Store].
func (d directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return inputfile.Open(filepath.Join(string(d), name))
}

// List implements [Store].
func (d directory) List(ctx context.Context) ([]File, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", d, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", d, cause(err))
	}
	var files []File
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, ok := begun(e.Name()); !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		if files = append(files, File{e.Name(), info.Size()}); len(files) > 2*maxBackups {
			return nil, fmt.Errorf("%s has more than %d backups", d, maxBackups)
		}
	}
	return files, nil
}

// Remove implements [Store]. What is not there is removed.
func (d directory) Remove(_ context.Context, name string) error {
	if err := os.Remove(filepath.Join(string(d), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cause(err)
	}
	return nil
}

// cause takes the path out of an error that names it anyway.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}
