package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"

	"github.com/redis-gitops/redis-gitops/internal/dirent"
)

// folder is an opened folder. An [os.File] from an [os.Root] would ask what each of its entries is, which the kernel says with their names.
type folder struct {
	file
	by *kernel

	listed  bool
	entries []entry // that were not given yet
}

// entry is what is in a folder.
type entry struct {
	base string
	mode fs.FileMode // the type
	in   *folder
}

// Name implements [fs.DirEntry].
func (e *entry) Name() string { return e.base }

// IsDir implements [fs.DirEntry].
func (e *entry) IsDir() bool { return e.mode.IsDir() }

// Type implements [fs.DirEntry].
func (e *entry) Type() fs.FileMode { return e.mode }

// Info implements [fs.DirEntry].
func (e *entry) Info() (fs.FileInfo, error) {
	return e.in.by.stat(path.Join(e.in.name, e.base), false)
}

// next returns up to n entries, or all that are left if n is not above 0.
func (d *folder) next(n int) ([]entry, error) {
	if _, err := d.on("readdir", func() (int, error) {
		if d.listed {
			return 0, nil
		}
		d.listed = true
		return 0, dirent.Read(d.fd, func(name string, kind byte) {
			d.entries = append(d.entries, entry{name, typeOf(uint32(kind) << 12), d})
		})
	}); err != nil {
		return nil, err
	}
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	some := d.entries[:n:n]
	d.entries = d.entries[n:]
	return some, nil
}

// ReadDir implements [fs.ReadDirFile].
func (d *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	some, err := d.next(n)
	var out []fs.DirEntry
	for i := range some {
		if e := &some[i]; e.mode&fs.ModeIrregular != 0 { // the file system does not say it
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return out, &fs.PathError{Op: "lstat", Path: path.Join(d.name, e.base), Err: err}
			}
			e.mode = info.Mode().Type()
		}
		out = append(out, &some[i])
	}
	return out, err
}

// Readdir implements [afero.File].
func (d *folder) Readdir(n int) ([]fs.FileInfo, error) {
	some, err := d.next(n)
	var out []fs.FileInfo
	for i := range some {
		info, err := some[i].Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, &fs.PathError{Op: "lstat", Path: path.Join(d.name, some[i].base), Err: err}
		}
		out = append(out, info)
	}
	return out, err
}

// Readdirnames implements [afero.File].
func (d *folder) Readdirnames(n int) ([]string, error) {
	some, err := d.next(n)
	var out []string
	for _, e := range some {
		out = append(out, e.base)
	}
	return out, err
}

// typeOf returns the type in a mode of the system; a type of an entry is that part of a mode, 12 bits lower.
func typeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	case unix.S_IFIFO:
		return fs.ModeNamedPipe
	case unix.S_IFSOCK:
		return fs.ModeSocket
	case unix.S_IFCHR:
		return fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		return fs.ModeDevice
	}
	return fs.ModeIrregular
}
