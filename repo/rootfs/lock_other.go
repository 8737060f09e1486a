//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package rootfs

import "os"

func flock(*os.File) error { return nil }
