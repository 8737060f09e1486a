package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Saved describes what [Save] wrote.
type Saved struct {
	Version  int
	Keys     uint64
	Bytes    int64
	Checksum bool // there was one, and it was right
	// Unknown is why the structure was checked only up to a point, such as a type that is newer than this package; nil
	// where all of it was.
	Unknown error
}

// Save copies a dump byte for byte and checks it on the way: its structure, its checksum and that nothing follows. After an
// error, what was written is of no use. A dump with types that this package does not know is copied all the same; of
// what follows them only the checksum is checked.
func Save(w io.Writer, r io.Reader) (Saved, error) {
	var saved Saved
	t := &trailer{w: w}
	s := NewScanner(io.TeeReader(r, t), Options{SkipChecksum: true, Rest: true}) // trailer has the sum
	var err error
	for err == nil {
		var e *Entry
		if e, err = s.Next(); err == nil && e.Kind == KeyEntry {
			saved.Keys++
		}
	}
	saved.Version = s.Version()
	unknown := errors.Is(err, ErrUnsupported) && saved.Version > 0
	if err != io.EOF && !unknown {
		return saved, err
	}
	end := s.Offset()
	if unknown {
		saved.Unknown = err
	}
	if _, err := io.Copy(t, r); err != nil {
		return saved, &Error{t.n, "reading: " + err.Error(), err}
	}
	saved.Bytes = t.n
	switch {
	case !unknown && t.n != end:
		return saved, &Error{end, fmt.Sprintf("%d bytes of trailing data after the dump", t.n-end), nil}
	case unknown && t.before != opEOF:
		return saved, &Error{t.n, "unexpected end of data; the dump is truncated", io.ErrUnexpectedEOF}
	case saved.Version < 5:
		return saved, nil
	}
	want := binary.LittleEndian.Uint64(t.last[:])
	saved.Checksum = want != 0
	if want != 0 && want != t.sum {
		return saved, &Error{t.n - 8, fmt.Sprintf("checksum mismatch: computed %016x, dump has %016x; the dump is damaged, create it again", t.sum, want), ErrChecksum}
	}
	return saved, nil
}

// A trailer sums up all but the last 8 bytes of what is written through it.
type trailer struct {
	w      io.Writer
	n      int64
	sum    uint64  // of all before last
	before byte    // the one before last
	last   [8]byte // valid once n is 8 or more
}

func (t *trailer) Write(p []byte) (int, error) {
	if _, err := t.w.Write(p); err != nil {
		return 0, err
	}
	held := int(min(t.n, 8))
	t.n += int64(len(p))
	if held+len(p) <= 8 {
		copy(t.last[held:], p)
		return len(p), nil
	}
	// What leaves last: some bytes of it, then some of p.
	out := held + len(p) - 8
	fromLast := min(out, held)
	t.push(t.last[:fromLast])
	t.push(p[:out-fromLast])
	kept := copy(t.last[:], t.last[fromLast:held])
	copy(t.last[kept:], p[out-fromLast:])
	return len(p), nil
}

func (t *trailer) push(p []byte) {
	if len(p) > 0 {
		t.sum = crcUpdate(t.sum, p)
		t.before = p[len(p)-1]
	}
}
