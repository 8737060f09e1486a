//go:build unix

package diskcache

import (
	"io/fs"
	"os"
	"syscall"
)

// noWait keeps a pipe from being waited for, and a link from being followed.
const noWait = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// owned reports whether a file belongs to the user who runs the process.
func owned(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
