// Package rootfs is a folder as an afero.Fs that cannot be left, neither by ".." nor through a symbolic link.
//
// afero.BasePathFs follows links out of its base, for reading and for writing; this one stands on [os.Root], and for reading on the kernel
// where that resolves paths below a folder. Links inside the folder are followed for reading; nothing is ever written through a link.
package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

// The reasons inside the *fs.PathError of a refused operation.
var (
	ErrLeaves = errors.New("symbolic link points outside the repository; not followed")
	ErrLoop   = errors.New("too many symbolic links; not followed")
	ErrLink   = errors.New("is a symbolic link; refusing to write through it")
	// ErrNotRegular keeps a named pipe, a device or a socket from being waited for, or read without end.
	ErrNotRegular = errors.New("is not a regular file")
	ErrLocked     = errors.New("another redis-gitops process is writing to this repository; wait for it to finish")
)

// FS is a folder. Its paths are relative and use "/"; "." is the folder itself.
type FS struct {
	root *os.Root

	mu   sync.Mutex
	lock *os.File

	by   resolver // nil where the system has none
	dirs dirs
}

// resolver opens names and looks at them without leaving the folder, in fewer steps than an [os.Root]. Names are clean. An error may be any.
type resolver interface {
	open(name string) (afero.File, error)
	stat(name string, follow bool) (fs.FileInfo, error)
	io.Closer
}

var _ interface {
	afero.Fs
	afero.Lstater
} = (*FS)(nil)

// Open opens a folder. Close it after use.
func Open(dir string) (*FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &FS{root: root, by: newResolver(root)}, nil
}

// Close gives back the folder, and its lock.
func (f *FS) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	if f.lock != nil {
		err = f.lock.Close()
		f.lock = nil
	}
	f.dirs.forget()
	if f.by != nil {
		err = errors.Join(err, f.by.Close())
	}
	return errors.Join(err, f.root.Close())
}

// Lock keeps other processes that call Lock out until Close. It does not wait: when another has the lock, the error is
// [ErrLocked]. Locking the folder itself leaves no file behind, whatever happens to the process. Where the system has no
// flock it does nothing.
func (f *FS) Lock() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock != nil {
		return nil
	}
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	if err := flock(dir); err != nil {
		return errors.Join(err, dir.Close())
	}
	f.lock = dir
	return nil
}

// Name names the kind of file system, as afero wants it.
func (f *FS) Name() string { return "rootfs" }

// Open opens a file or directory for reading.
func (f *FS) Open(name string) (afero.File, error) { return f.open(name, os.O_RDONLY, 0) }

// open opens without waiting, and then asks what was opened: a name may lead to something else by the time it is opened.
func (f *FS) open(name string, flag int, perm fs.FileMode) (afero.File, error) {
	if flag == os.O_RDONLY {
		if opened, ok, err := resolved(f, name, resolver.open); ok {
			return opened, explain("open", name, err)
		}
	}
	var opened *os.File
	var err error
	if flag == os.O_RDONLY {
		opened, err = reading(f, name, func(in *os.Root, name string) (*os.File, error) { return in.OpenFile(name, flag|nonblock, perm) })
	} else {
		f.dirs.forget()
		opened, err = f.root.OpenFile(clean(name), flag|nonblock, perm)
	}
	if err != nil {
		if errors.Is(err, syscall.ENXIO) { // a socket, or a pipe that nobody reads
			err = ErrNotRegular
		}
		return nil, explain("open", name, err)
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, errors.Join(explain("open", name, err), opened.Close())
	}
	return opened, nil
}

// NeverWaits reports that Open needs no question before it: what is not a regular file or a directory is an error there.
func (f *FS) NeverWaits() bool { return true }

// Create makes or empties a file.
func (f *FS) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile is [os.Root.OpenFile], but does not open through a link for writing.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 {
		if err := f.noLinks("open", name); err != nil {
			return nil, err
		}
	}
	return f.open(name, flag, perm.Perm()) // os.Root takes permission bits only
}

// Mkdir makes a folder.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	return f.write("mkdir", name, func(name string) error { return f.root.Mkdir(name, perm.Perm()) })
}

// MkdirAll makes a folder and those above it.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	return f.write("mkdir", name, func(name string) error { return f.root.MkdirAll(name, perm.Perm()) })
}

// Remove removes a file, an empty folder, or a link itself.
func (f *FS) Remove(name string) error {
	return f.writeEntry("remove", name, f.root.Remove)
}

// RemoveAll removes a folder with everything in it, and links without what they lead to.
func (f *FS) RemoveAll(name string) error {
	return f.writeEntry("remove", name, f.root.RemoveAll)
}

// Rename moves a file or folder, over a file that is there.
func (f *FS) Rename(oldname, newname string) error {
	if err := f.noLinks("rename", path.Dir(filepath.ToSlash(oldname))); err != nil {
		return err
	}
	return f.write("rename", newname, func(name string) error { return f.root.Rename(clean(oldname), name) })
}

// Stat follows links.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	info, err := f.look(name, true, (*os.Root).Stat)
	return info, explain("stat", name, err)
}

// LstatIfPossible does not follow a link; it is always possible.
func (f *FS) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	info, err := f.look(name, false, (*os.Root).Lstat)
	return info, true, explain("lstat", name, err)
}

func (f *FS) look(name string, follow bool, otherwise func(*os.Root, string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	info, ok, err := resolved(f, name, func(by resolver, name string) (fs.FileInfo, error) { return by.stat(name, follow) })
	if ok {
		return info, err
	}
	return reading(f, name, otherwise)
}

// resolved does something with a name by the resolver; ok if the answer is one. What it refuses is for an [os.Root], whose error says why.
func resolved[T any](f *FS, name string, do func(resolver, string) (T, error)) (out T, ok bool, err error) {
	if f.by == nil {
		return out, false, nil
	}
	out, err = do(f.by, clean(name))
	return out, err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRegular), err
}

// Chmod changes a mode, not through a link.
func (f *FS) Chmod(name string, mode fs.FileMode) error {
	return f.write("chmod", name, func(name string) error { return f.root.Chmod(name, mode) })
}

// Chown changes the owner, not through a link.
func (f *FS) Chown(name string, uid, gid int) error {
	return f.write("chown", name, func(name string) error { return f.root.Chown(name, uid, gid) })
}

// Chtimes changes the times, not through a link.
func (f *FS) Chtimes(name string, atime, mtime time.Time) error {
	return f.write("chtimes", name, func(name string) error { return f.root.Chtimes(name, atime, mtime) })
}

// write does what would follow a link anywhere in the path.
func (f *FS) write(op, name string, do func(string) error) error {
	f.dirs.forget()
	if err := f.noLinks(op, name); err != nil {
		return err
	}
	return explain(op, name, do(clean(name)))
}

// writeEntry does what takes a link at the end of the path for itself.
func (f *FS) writeEntry(op, name string, do func(string) error) error {
	f.dirs.forget()
	if err := f.noLinks(op, path.Dir(filepath.ToSlash(name))); err != nil {
		return err
	}
	return explain(op, name, do(clean(name)))
}

// noLinks refuses a path with a link in it. Whoever puts a link there after the check still cannot lead out of the
// folder: os.Root sees to that.
func (f *FS) noLinks(op, name string) error {
	segments := strings.Split(filepath.ToSlash(filepath.Clean(name)), "/")
	for i := range segments {
		part := path.Join(segments[:i+1]...)
		info, err := f.root.Lstat(clean(part))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return explain(op, part, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return &fs.PathError{Op: op, Path: part, Err: ErrLink}
		}
	}
	return nil
}

func clean(name string) string { return filepath.Clean(filepath.FromSlash(name)) }

// explain keeps the folder's own path out of the error and puts links into words.
func explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	// os exports no name for two of these; the tests would notice a change.
	switch {
	case err.Error() == "path escapes from parent":
		err = ErrLeaves
	case errors.Is(err, syscall.ELOOP), err.Error() == "too many symlinks":
		err = ErrLoop
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
