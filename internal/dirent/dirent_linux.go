package dirent

import (
	"bytes"
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// The parts of a directory entry (linux_dirent64, getdents64(2)), in bytes.
const (
	length = 16
	kind   = 18
	name   = 19
)

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Read calls found with what is in an open directory, but for "." and "..": its name and its type, such as [unix.DT_DIR], which may be
// [unix.DT_UNKNOWN]. The error is that of the system, after which nothing more is found.
func Read(fd int, found func(name string, kind byte)) error {
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	for {
		n, err := unix.Getdents(fd, buffer[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n <= 0:
			return err
		case !parse(buffer[:n], found):
			return unix.EIO
		}
	}
}

// parse is not ok if the entries are broken.
func parse(entries []byte, found func(name string, kind byte)) bool {
	for len(entries) > 0 {
		if len(entries) <= name {
			return false
		}
		size := int(binary.NativeEndian.Uint16(entries[length:]))
		if size <= name || size > len(entries) {
			return false
		}
		if text, _, _ := bytes.Cut(entries[name:size], []byte{0}); string(text) != "." && string(text) != ".." {
			found(string(text), entries[kind])
		}
		entries = entries[size:]
	}
	return true
}
