//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package rootfs

import (
	"errors"
	"os"
	"syscall"
)

func flock(dir *os.File) error {
	err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
