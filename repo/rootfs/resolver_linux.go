package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"
)

// kernel has Linux resolve a whole path below the folder (openat2 with RESOLVE_BENEATH, since 5.6): one call for a file, wherever it is,
// and no directory is kept open. What it opens cannot be outside, whatever becomes a link in the meantime.
type kernel struct {
	top  *os.File
	conn syscall.RawConn
}

// newResolver returns nil where the kernel, or what guards the process, does not know the call.
func newResolver(root *os.Root) resolver {
	top, err := root.Open(".")
	if err != nil {
		return nil
	}
	if conn, err := top.SyscallConn(); err == nil {
		k := &kernel{top, conn}
		if fd, err := k.openat2(".", unix.O_PATH); err == nil {
			_ = unix.Close(fd)
			return k
		}
	}
	_ = top.Close()
	return nil
}

// Close implements [io.Closer].
func (k *kernel) Close() error { return k.top.Close() }

func (k *kernel) openat2(name string, flags uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	if closed := k.conn.Control(func(top uintptr) {
		fd, err = again(func() (int, error) { return unix.Openat2(int(top), name, &how) })
	}); closed != nil {
		return -1, closed
	}
	return fd, err
}

// open implements [resolver].
func (k *kernel) open(name string) (afero.File, error) {
	fd, err := k.openat2(name, unix.O_RDONLY|nonblock)
	if err != nil {
		return nil, err
	}
	info, err := infoOf(fd, name)
	switch {
	case err != nil:
	case info.IsDir():
		return &folder{file: file{fd: fd, name: name, info: info}, by: k}, nil
	case info.Mode().IsRegular():
		return &file{fd: fd, name: name, info: info}, nil
	default:
		err = ErrNotRegular
	}
	return nil, errors.Join(err, unix.Close(fd))
}

// stat implements [resolver].
func (k *kernel) stat(name string, follow bool) (fs.FileInfo, error) {
	flags := uint64(unix.O_PATH)
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := k.openat2(name, flags)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return infoOf(fd, name)
}

// again repeats a call that a signal interrupts, as package os does.
func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

// file is an opened regular file for reading. An [os.File] would ask whether it can be waited for.
type file struct {
	name string
	info fs.FileInfo

	mu     sync.Mutex
	fd     int
	closed bool
	offset int64
}

// on does something with the descriptor while nobody closes it.
func (f *file) on(op string, do func() (int, error)) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		err = fs.ErrClosed
	} else {
		n, err = again(do)
	}
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return max(n, 0), err
}

// Read implements [io.Reader]. The end of the file comes with its last bytes where it ends where it did when it was opened.
func (f *file) Read(p []byte) (int, error) {
	return f.on("read", func() (int, error) {
		if len(p) == 0 {
			return 0, nil
		}
		n, err := unix.Read(f.fd, p)
		if err != nil {
			return 0, err
		}
		f.offset += int64(n)
		if n == 0 || n < len(p) && f.offset == f.info.Size() {
			err = io.EOF
		}
		return n, err
	})
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = f.on("read", func() (int, error) {
			m, err := unix.Pread(f.fd, p[n:], at+int64(n))
			if m == 0 && err == nil {
				err = io.EOF
			}
			return m, err
		})
		n += more
	}
	return n, err
}

// Seek implements [io.Seeker].
func (f *file) Seek(offset int64, whence int) (at int64, err error) {
	_, err = f.on("seek", func() (int, error) {
		if at, err = unix.Seek(f.fd, offset, whence); err == nil {
			f.offset = at
		}
		return 0, err
	})
	return at, err
}

// Close implements [io.Closer].
func (f *file) Close() error {
	_, err := f.on("close", func() (int, error) {
		f.closed = true
		return 0, unix.Close(f.fd)
	})
	return err
}

// Sync implements [afero.File].
func (f *file) Sync() error {
	_, err := f.on("sync", func() (int, error) { return 0, unix.Fsync(f.fd) })
	return err
}

// Name implements [afero.File].
func (f *file) Name() string { return f.name }

// Stat gives what was opened, as it was then.
func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) refuse(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Write, WriteAt, WriteString and Truncate refuse to write, and the others to list what is no folder.
func (f *file) Write([]byte) (int, error)          { return 0, f.refuse("write", unix.EBADF) }
func (f *file) WriteAt([]byte, int64) (int, error) { return 0, f.refuse("write", unix.EBADF) }
func (f *file) WriteString(string) (int, error)    { return 0, f.refuse("write", unix.EBADF) }
func (f *file) Truncate(int64) error               { return f.refuse("truncate", unix.EINVAL) }
func (f *file) Readdir(int) ([]fs.FileInfo, error) { return nil, f.refuse("readdir", unix.ENOTDIR) }
func (f *file) Readdirnames(int) ([]string, error) { return nil, f.refuse("readdir", unix.ENOTDIR) }

// info is what a name is, as package os says it.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func infoOf(fd int, name string) (fs.FileInfo, error) {
	var s unix.Stat_t
	if _, err := again(func() (int, error) { return 0, unix.Fstat(fd, &s) }); err != nil {
		return nil, err
	}
	mode := fs.FileMode(s.Mode&0o777) | typeOf(s.Mode)
	if s.Mode&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if s.Mode&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if s.Mode&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return &info{path.Base(name), s.Size, mode, time.Unix(s.Mtim.Unix())}, nil
}

// Name implements [fs.FileInfo].
func (i *info) Name() string { return i.name }

// Size implements [fs.FileInfo].
func (i *info) Size() int64 { return i.size }

// Mode implements [fs.FileInfo].
func (i *info) Mode() fs.FileMode { return i.mode }

// ModTime implements [fs.FileInfo].
func (i *info) ModTime() time.Time { return i.mtime }

// IsDir implements [fs.FileInfo].
func (i *info) IsDir() bool { return i.mode.IsDir() }

// Sys implements [fs.FileInfo]: nothing.
func (i *info) Sys() any { return nil }
