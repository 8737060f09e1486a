package rdb

import (
	"encoding/binary"
	"strconv"
)

// A listpack (redis src/listpack.c, since 5.0) is its size in 4 bytes, the number of its elements in 2 (65535: count
// them), the elements, and 0xff. An element is an encoding byte, its data, and the length of both, written to be read
// backwards, which is passed over here.
type listpack struct {
	p       []byte // what is left, without the end
	left    int    // elements left, or -1 if not known
	digits  [20]byte
	integer int64 // the last element, where it was an integer
	isInt   bool
}

const (
	packHeader = 6 // of a listpack
	packEnd    = 0xff
	packMany   = 65535
)

// packError describes what is wrong inside of a listpack, ziplist, intset or zipmap. [Decode] adds where.
type packError string

func (e packError) Error() string { return string(e) }

const (
	errPackSize  packError = "wrong size in the header"
	errPackCount packError = "wrong number of elements in the header"
	errPackEntry packError = "an element has an unknown encoding or exceeds the end"
)

func newListpack(p []byte) (*listpack, error) {
	if len(p) <= packHeader || binary.LittleEndian.Uint32(p) != uint32(len(p)) || p[len(p)-1] != packEnd {
		return nil, errPackSize
	}
	lp := &listpack{p: p[packHeader : len(p)-1], left: int(binary.LittleEndian.Uint16(p[4:]))}
	if lp.left == packMany {
		lp.left = -1
	}
	return lp, nil
}

// next returns the next element, or more = false at the end. It is valid until the next call.
func (lp *listpack) next() (element []byte, more bool, err error) {
	if len(lp.p) == 0 {
		if lp.left > 0 {
			return nil, false, errPackCount
		}
		return nil, false, nil
	}
	if lp.left == 0 {
		return nil, false, errPackCount
	}
	lp.left = max(lp.left-1, -1)

	size, head := lp.split() // size of the whole element and of what stands before the data
	back := backLength(size)
	if size <= 0 || size > len(lp.p)-back { // below 0 where an int has 32 bits
		return nil, false, errPackEntry
	}
	data := lp.p[head:size]
	b := lp.p[0]
	lp.p = lp.p[size+back:]
	switch {
	case b < 0x80:
		lp.integer, lp.isInt = int64(b), true
	case b >= 0xc0 && b < 0xe0: // 13 bits, signed
		lp.integer, lp.isInt = int64(b&0x1f)<<8|int64(data[0]), true
		if lp.integer >= 1<<12 {
			lp.integer -= 1 << 13
		}
	case b >= 0xf1:
		lp.integer, lp.isInt = signed(data), true
	default:
		lp.isInt = false
		return data, true, nil
	}
	return strconv.AppendInt(lp.digits[:0], lp.integer, 10), true, nil
}

// split measures the first element; a size of 0 means that it is damaged.
func (lp *listpack) split() (size, head int) {
	b := lp.p[0]
	switch {
	case b < 0x80: // an integer of 7 bits
		return 1, 1
	case b < 0xc0: // a string, its length in 6 bits
		return 1 + int(b&0x3f), 1
	case b < 0xe0: // an integer of 13 bits
		return 2, 1
	case b < 0xf0: // a string, its length in 12 bits
		if len(lp.p) < 2 {
			return 0, 0
		}
		return 2 + (int(b&0x0f)<<8 | int(lp.p[1])), 2
	case b == 0xf0: // a string, its length in 4 bytes
		if len(lp.p) < 5 {
			return 0, 0
		}
		return 5 + int(binary.LittleEndian.Uint32(lp.p[1:])), 5
	case b <= 0xf3: // integers of 16, 24 and 32 bits
		return 1 + int(b-0xf1) + 2, 1
	case b == 0xf4: // an integer of 64 bits
		return 9, 1
	}
	return 0, 0
}

// backLength is how many bytes hold the length of an element (redis src/listpack.c, lpEncodeBacklen).
func backLength(size int) int {
	switch {
	case size <= 127:
		return 1
	case size < 16383:
		return 2
	case size < 2097151:
		return 3
	case size < 268435455:
		return 4
	}
	return 5
}

// int returns the next element, which must be an integer.
func (lp *listpack) int() (int64, error) {
	_, more, err := lp.next()
	if err != nil {
		return 0, err
	}
	if !more || !lp.isInt {
		return 0, packError("expected an integer")
	}
	return lp.integer, nil
}

func walkListpack(p []byte, fn func([]byte) error) error {
	lp, err := newListpack(p)
	if err != nil {
		return err
	}
	for {
		element, more, err := lp.next()
		if err != nil || !more {
			return err
		}
		if err := fn(element); err != nil {
			return err
		}
	}
}
