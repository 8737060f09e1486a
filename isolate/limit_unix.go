//go:build unix

package isolate

import "syscall"

// limitAddressSpace makes the kernel refuse memory beyond a size in bytes, whatever the process does.
func limitAddressSpace(size uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: size, Max: size})
}
