package redis

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// A reader that waits for many replies wakes up once for all of them, and does not sleep past the end of a connection, its deadline, or
// replies that are shorter than it was told.
func TestAwaitBytes(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	connect := func() (*Conn, net.Conn) {
		raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close(); far.Close() })
		return NewConn(raw), far
	}
	write := func(far net.Conn, text string) {
		if _, err := io.WriteString(far, text); err != nil {
			t.Error(err)
		}
	}
	const pause = 50 * time.Millisecond

	c, far := connect()
	began := time.Now()
	go func() {
		for range 4 {
			time.Sleep(pause)
			write(far, "+OK\r\n")
		}
	}()
	if err := c.AwaitBytes(20); err != nil || time.Since(began) < 4*pause {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	for range 4 {
		if err := c.ReadOK(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.in.Buffered(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	go func() { time.Sleep(pause); write(far, ":1\r\n") }() // the mark is no longer in force
	if reply, err := c.ReadReply(); err != nil || reply != int64(1) {
		t.Errorf("got %v, %v", reply, err)
	}

	write(far, "+OK\r\n+OK\r\n")
	if err := errors.Join(c.AwaitBytes(10), c.ReadOK(), c.AwaitBytes(5), c.ReadOK()); err != nil { // the second one is in memory
		t.Error(err)
	}
	go func() { time.Sleep(pause); write(far, "+OK\r\n"); far.Close() }()
	if err := errors.Join(c.AwaitBytes(500), c.ReadOK()); err != nil {
		t.Error(err)
	}
	if err := c.ReadOK(); err == nil {
		t.Error("the connection has ended")
	}

	c, far = connect()
	write(far, "+OK\r\n")
	if err := errors.Join(c.SetReadDeadline(time.Now().Add(pause))); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitBytes(500); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(c.SetReadDeadline(time.Time{}), c.ReadOK()); err != nil {
		t.Error(err)
	}
}
