package redis

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A lowWater is the reading side of a TCP connection whose reader can sleep until many bytes have come (SO_RCVLOWAT).
type lowWater struct {
	net.Conn
	raw  syscall.RawConn
	mark int // as set at the socket
}

func newLowWater(c net.Conn) *lowWater {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &lowWater{Conn: c, raw: raw, mark: 1}
}

// Read reads what there is. The mark is taken back first: less than that may be all that comes.
func (l *lowWater) Read(p []byte) (int, error) {
	if l.mark > 1 {
		if err := l.raw.Control(func(fd uintptr) { l.set(int(fd), 1) }); err != nil {
			return 0, err
		}
	}
	return l.Conn.Read(p)
}

// set sets the mark. Where the system refuses it, which it has no reason for, the reader wakes up for every byte.
func (l *lowWater) set(fd, n int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, n) == nil {
		l.mark = n
	}
}

// await returns when n bytes are there, the connection has ended or its deadline is over.
func (l *lowWater) await(n int) error {
	return l.raw.Read(func(fd uintptr) bool {
		if l.enough(int(fd), n) {
			return true
		}
		if l.mark != n {
			l.set(int(fd), n)
			return l.enough(int(fd), n) // what came in between has woken nobody
		}
		return false
	})
}

// enough reports whether n bytes are there, or no more will come.
func (l *lowWater) enough(fd, n int) bool {
	if have, err := unix.IoctlGetInt(fd, unix.SIOCINQ); err != nil || have >= n {
		return true
	}
	ends := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	ready, err := unix.Poll(ends, 0)
	return ready > 0 || err != nil && err != unix.EINTR
}
