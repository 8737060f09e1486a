package rdb

import (
	"encoding/binary"
	"strconv"
)

// walkZiplist returns the elements of a ziplist (redis src/ziplist.c, until 6.2): its size and the offset of its last
// element in 4 bytes each, the number of elements in 2 (65535: count them), the elements, and 0xff. An element is the
// length of the one before (1 byte, or 0xfe and 4), an encoding, and data.
func walkZiplist(p []byte, fn func([]byte) error) error {
	const header = 10
	if len(p) <= header || binary.LittleEndian.Uint32(p) != uint32(len(p)) || p[len(p)-1] != packEnd {
		return errPackSize
	}
	want := int(binary.LittleEndian.Uint16(p[8:]))
	p = p[header : len(p)-1]
	var digits [20]byte
	count := 0
	for ; len(p) > 0; count++ {
		before := 1
		if p[0] == 0xfe {
			before = 5
		}
		if len(p) <= before || p[0] == packEnd {
			return errPackEntry
		}
		p = p[before:]
		head, size, isInt := splitZip(p)
		if head == 0 || size < 0 || size > len(p)-head { // below 0 where an int has 32 bits
			return errPackEntry
		}
		element := p[head : head+size]
		if isInt && size == 0 {
			element = strconv.AppendInt(digits[:0], int64(p[0]&0x0f)-1, 10)
		} else if isInt {
			element = strconv.AppendInt(digits[:0], signed(element), 10)
		}
		p = p[head+size:]
		if err := fn(element); err != nil {
			return err
		}
	}
	if want != packMany && want != count {
		return errPackCount
	}
	return nil
}

// splitZip measures the encoding and the data of a ziplist's element; a head of 0 means that it is damaged.
func splitZip(p []byte) (head, size int, isInt bool) {
	b := p[0]
	switch {
	case b < 0x40: // a string, its length in 6 bits
		return 1, int(b), false
	case b < 0x80: // in 14 bits
		if len(p) < 2 {
			return 0, 0, false
		}
		return 2, int(b&0x3f)<<8 | int(p[1]), false
	case b == 0x80: // in 4 bytes, big-endian
		if len(p) < 5 {
			return 0, 0, false
		}
		return 5, int(binary.BigEndian.Uint32(p[1:])), false
	case b == 0xc0:
		return 1, 2, true
	case b == 0xd0:
		return 1, 4, true
	case b == 0xe0:
		return 1, 8, true
	case b == 0xf0:
		return 1, 3, true
	case b == 0xfe:
		return 1, 1, true
	case b > 0xf0 && b < 0xfe: // 0 to 12, in the encoding itself
		return 1, 0, true
	}
	return 0, 0, false
}

// walkIntset returns the members of an intset (redis src/intset.c): the bytes of a member in 4 bytes, the number of
// members in 4, and the members, all little-endian.
func walkIntset(p []byte, fn func([]byte) error) error {
	if len(p) < 8 {
		return errPackSize
	}
	width, count := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
	p = p[8:]
	if width != 2 && width != 4 && width != 8 {
		return packError("unknown integer width")
	}
	if uint64(len(p)) != uint64(width)*uint64(count) {
		return errPackSize
	}
	var digits [20]byte
	for ; len(p) > 0; p = p[width:] {
		if err := fn(strconv.AppendInt(digits[:0], signed(p[:width]), 10)); err != nil {
			return err
		}
	}
	return nil
}

// walkZipmap returns the fields and values of a zipmap (redis src/zipmap.c, until 2.4): the number of pairs in a byte that
// may not be right, the pairs, and 0xff. Each part has its length before it (1 byte, or 0xfe and 4, little-endian); a
// value has another byte there, how many unused bytes follow it.
func walkZipmap(p []byte, fn func([]byte) error) error {
	if len(p) < 2 || p[len(p)-1] != packEnd {
		return errPackSize
	}
	p = p[1 : len(p)-1]
	for isValue := false; len(p) > 0; isValue = !isValue {
		size, head, unused := int(p[0]), 1, 0
		if p[0] == packEnd || p[0] == 0xfe && len(p) < 5 {
			return errPackEntry
		}
		if p[0] == 0xfe {
			size, head = int(binary.LittleEndian.Uint32(p[1:])), 5
		}
		if isValue {
			if len(p) <= head {
				return errPackEntry
			}
			unused = int(p[head])
			head++
		}
		if size < 0 || size > len(p)-head-unused {
			return errPackEntry
		}
		if err := fn(p[head : head+size]); err != nil {
			return err
		}
		p = p[head+size+unused:]
	}
	return nil
}
