package rdb

import (
	"errors"
	"fmt"
	"io"
)

// maxElement bounds what is held in memory as a whole: a key, or one element or packed node of a value. Redis itself
// takes no larger argument (proto-max-bulk-len, 512 MB).
const maxElement = 512 << 20

// errWindowFull reports that the bytes held do not fit into the window. It never leaves the package.
var errWindowFull = &Error{Message: "value larger than the window"}

// A window is the part of a stream that is in memory: buf[pos:end] has been read and not yet used. It grows only for a
// single key or element that is larger than it, and then only as fast as the bytes arrive.
type window struct {
	r        io.Reader // nil: buf[:end] is all there is
	buf      []byte
	pos, end int
	base     int64 // offset in the stream of buf[0]
	size     int   // length of buf that reset returns to

	holding bool // buf[hold:] must stay in memory
	hold    int

	noSum bool
	sum   uint64 // CRC64 of all that came before buf[0]

	sink     func([]byte) error // gets what is used, from buf[sinkFrom] on
	sinkFrom int

	scratch []byte // what str unpacks into
}

// offset is the place in the stream of the next byte.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

func (w *window) errorf(format string, args ...any) error {
	return &Error{Offset: w.offset(), Message: fmt.Sprintf(format, args...)}
}

// need makes sure that n bytes are in buf[pos:end].
func (w *window) need(n int) error {
	if w.end-w.pos >= n {
		return nil
	}
	return w.fill(n)
}

func (w *window) fill(n int) error {
	if w.r != nil && w.pos+n > len(w.buf) {
		keep := w.pos
		if w.holding {
			keep = w.hold
			if w.pos-w.hold+n > len(w.buf) {
				return errWindowFull
			}
		}
		if err := w.discard(keep); err != nil {
			return err
		}
	}
	for empty := 0; w.end-w.pos < n; {
		if w.r == nil {
			return w.truncated(uint64(n))
		}
		if w.end == len(w.buf) {
			w.buf = append(w.buf, make([]byte, min(len(w.buf), w.pos+n-w.end))...)
		}
		got, err := w.r.Read(w.buf[w.end:])
		w.end += got
		switch {
		case w.end-w.pos >= n:
		case err == io.EOF:
			return w.truncated(uint64(n))
		case err != nil:
			return &Error{w.base + int64(w.end), "reading: " + err.Error(), err}
		case got > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return &Error{w.base + int64(w.end), "reading: " + io.ErrNoProgress.Error(), io.ErrNoProgress}
			}
		}
	}
	return nil
}

const endsHere = "unexpected end of data"

// truncated reports that of n bytes not all are there.
func (w *window) truncated(n uint64) error {
	missing, bytes := n-uint64(w.end-w.pos), "bytes"
	if missing == 1 {
		bytes = "byte"
	}
	message := fmt.Sprintf("%s, at least %d %s missing; the dump is truncated or damaged", endsHere, missing, bytes)
	return &Error{w.base + int64(w.end), message, io.ErrUnexpectedEOF}
}

// discard forgets buf[:to]; it is summed, and given to the sink, before.
func (w *window) discard(to int) error {
	if !w.noSum {
		w.sum = crcUpdate(w.sum, w.buf[:to])
	}
	if w.sink != nil {
		if err := w.drain(to); err != nil {
			return err
		}
		w.sinkFrom = 0
	}
	copy(w.buf, w.buf[to:w.end])
	w.base += int64(to)
	w.pos -= to
	w.end -= to
	w.hold -= to
	return nil
}

// drain passes what the sink has not seen of buf[:to] to it.
func (w *window) drain(to int) error {
	if w.sinkFrom == to {
		return nil
	}
	p := w.buf[w.sinkFrom:to]
	w.sinkFrom = to
	return w.sink(p)
}

// shrink gives back the memory that a large key or element took.
func (w *window) shrink() error {
	if cap(w.scratch) > w.size {
		w.scratch = nil
	}
	if len(w.buf) <= w.size || w.end-w.pos > w.size {
		return nil
	}
	if err := w.discard(w.pos); err != nil {
		return err
	}
	buf := make([]byte, w.size)
	copy(buf, w.buf[:w.end])
	w.buf = buf
	return nil
}

// u8 reads one byte.
func (w *window) u8() (byte, error) {
	if err := w.need(1); err != nil {
		return 0, err
	}
	w.pos++
	return w.buf[w.pos-1], nil
}

// take reads n bytes, which stay valid until the next read.
func (w *window) take(n uint64) ([]byte, error) {
	if n > maxElement {
		return nil, w.errorf("element of %d bytes exceeds the 512 MB limit of Redis", n)
	}
	if err := w.need(int(n)); err != nil {
		return nil, err
	}
	w.pos += int(n)
	return w.buf[w.pos-int(n) : w.pos], nil
}

// skip passes over n bytes, however many.
func (w *window) skip(n uint64) error {
	if n > uint64(w.end-w.pos) {
		return w.skipFar(n)
	}
	w.pos += int(n)
	return nil
}

func (w *window) skipFar(n uint64) error {
	if w.holding {
		if n > uint64(len(w.buf)) {
			return errWindowFull
		}
		_, err := w.take(n)
		return err
	}
	for n > uint64(w.end-w.pos) {
		n -= uint64(w.end - w.pos)
		w.pos = w.end
		if err := w.fill(1); errors.Is(err, io.ErrUnexpectedEOF) {
			return w.truncated(n)
		} else if err != nil {
			return err
		}
	}
	w.pos += int(n)
	return nil
}
