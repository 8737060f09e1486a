package rdb

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// Lengths and strings (redis src/rdb.c, rdbLoadLenByRef and rdbGenericLoadStringObject; the same since RDB version 1,
// but for the 64-bit length, which came with version 8). The two high bits of the first byte decide:
//
//	00xxxxxx  a length of 6 bits
//	01xxxxxx  a length of 14 bits, big-endian with the next byte
//	10000000  a length of 4 bytes, big-endian
//	10000001  a length of 8 bytes, big-endian
//	11xxxxxx  not a length but a string in a special encoding
const (
	length32 = 0x80
	length64 = 0x81

	stringInt8  = 0 // 1 byte, signed
	stringInt16 = 1 // 2 bytes, little-endian
	stringInt32 = 2 // 4 bytes, little-endian
	stringLZF   = 3 // compressed length, length, compressed bytes
)

// length reads a length or, when special, the number of a string encoding.
func (w *window) length() (n uint64, special bool, err error) {
	b, err := w.u8()
	if err != nil {
		return 0, false, err
	}
	switch {
	case b < 0x40:
		return uint64(b), false, nil
	case b < 0x80:
		low, err := w.u8()
		return uint64(b&0x3f)<<8 | uint64(low), false, err
	case b == length32:
		p, err := w.take(4)
		if err != nil {
			return 0, false, err
		}
		return uint64(binary.BigEndian.Uint32(p)), false, nil
	case b == length64:
		p, err := w.take(8)
		if err != nil {
			return 0, false, err
		}
		return binary.BigEndian.Uint64(p), false, nil
	case b >= 0xc0:
		return uint64(b & 0x3f), true, nil
	}
	w.pos--
	return 0, false, w.errorf("unknown length byte 0x%02x", b)
}

// count reads a length that cannot be a special string.
func (w *window) count() (uint64, error) {
	n, special, err := w.length()
	if err == nil && special {
		w.pos--
		return 0, w.errorf("expected a length, found string encoding %d", n)
	}
	return n, err
}

// lzfLengths reads the compressed and the real length of a compressed string.
func (w *window) lzfLengths() (packed, real uint64, err error) {
	at := w.offset()
	if packed, err = w.count(); err == nil {
		real, err = w.count()
	}
	switch {
	case err != nil:
	case real > maxElement:
		err = &Error{at, fmt.Sprintf("compressed string of %d bytes exceeds the 512 MB limit of Redis", real), nil}
	case packed > maxElement || real > packed*lzfRatio:
		err = &Error{at, fmt.Sprintf("damaged compressed string; %d bytes cannot decompress to %d", packed, real), nil}
	}
	return packed, real, err
}

// intSize returns the bytes of a string encoded as an integer.
func (w *window) intSize(encoding uint64) (uint64, error) {
	if encoding > stringInt32 {
		w.pos--
		return 0, w.errorf("unknown string encoding %d", encoding)
	}
	return 1 << encoding, nil
}

// skipString passes over a string.
func (w *window) skipString() error {
	n, special, err := w.length()
	switch {
	case err != nil:
		return err
	case special && n == stringLZF:
		n, _, err = w.lzfLengths()
	case special:
		n, err = w.intSize(n)
	}
	if err != nil {
		return err
	}
	return w.skip(n)
}

// str reads a string. The result is valid until the next read.
func (w *window) str() ([]byte, error) {
	n, special, err := w.length()
	switch {
	case err != nil:
		return nil, err
	case !special:
		return w.take(n)
	case n == stringLZF:
		packed, real, err := w.lzfLengths()
		if err != nil {
			return nil, err
		}
		w.scratch, err = w.inflate(w.scratch[:0], packed, real, nil)
		return w.scratch, err
	}
	w.scratch, err = w.appendInt(w.scratch[:0], n)
	return w.scratch, err
}

// appendInt reads a string encoded as an integer and appends its digits to dst.
func (w *window) appendInt(dst []byte, encoding uint64) ([]byte, error) {
	size, err := w.intSize(encoding)
	if err != nil {
		return dst, err
	}
	p, err := w.take(size)
	if err != nil {
		return dst, err
	}
	return strconv.AppendInt(dst, signed(p), 10), nil
}

// signed returns the little-endian two's complement integer of 1 to 8 bytes.
func signed(p []byte) int64 {
	var v uint64
	for i, b := range p {
		v |= uint64(b) << (8 * i)
	}
	unused := 64 - 8*len(p)
	return int64(v<<unused) >> unused
}

// AppendLength appends n as a length.
func AppendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, length32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64), n)
}

// AppendString appends s as a plain string: its length and its bytes.
func AppendString(dst, s []byte) []byte {
	return append(AppendLength(dst, uint64(len(s))), s...)
}
