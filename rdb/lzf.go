package rdb

import "fmt"

// LZF (redis src/lzf_d.c) is a list of runs. A first byte below 32 is followed by that many bytes and one more. Any
// other holds in its high 3 bits a length (7: add the next byte) and in its low 5 bits, with the next byte, a distance:
// copy length+2 bytes from distance+1 bytes back, possibly from what this run itself writes.
const (
	lzfReach    = 1 << 13 // the largest distance
	lzfRatio    = 88      // 3 bytes stand for at most 264
	stringChunk = 1 << 20 // bytes of a large string that are given away at a time
)

// unpack unpacks bytes that are all in memory into what dst has, or into new memory; !ok stands for damage of any kind.
func unpack(dst, src []byte, real int) (_ []byte, ok bool) {
	if cap(dst) < real {
		dst = make([]byte, 0, max(real, 512))
	}
	dst = dst[:real]
	at := 0
	for i := 0; i < len(src); {
		ctrl := int(src[i])
		i++
		if ctrl < 32 {
			n := ctrl + 1
			if n > len(src)-i || n > real-at {
				return dst[:0], false
			}
			copy(dst[at:], src[i:i+n])
			i, at = i+n, at+n
			continue
		}
		n := ctrl>>5 + 2
		if n == 7+2 && i < len(src) {
			n += int(src[i])
			i++
		}
		if i == len(src) {
			return dst[:0], false
		}
		from := at - (ctrl&0x1f)<<8 - int(src[i]) - 1
		i++
		if from < 0 || n > real-at {
			return dst[:0], false
		}
		for to := at + n; at < to; { // a run that overlaps itself copies what it has copied, twice as much each time
			at += copy(dst[at:to], dst[from:at])
		}
	}
	return dst, at == real
}

// inflate reads packed bytes of LZF and appends the real bytes that they stand for to dst, which must be empty. With
// emit, memory stays bounded: it gets the bytes piece by piece, and what is returned is the last piece, not emitted yet.
func (w *window) inflate(dst []byte, packed, real uint64, emit func([]byte) error) ([]byte, error) {
	if packed <= uint64(w.end-w.pos) && real <= stringChunk {
		src := w.buf[w.pos : w.pos+int(packed)]
		if out, ok := unpack(dst, src, int(real)); ok {
			w.pos += len(src)
			return out, nil
		} // else what follows says what is wrong
	}
	size, start := real, w.offset()
	broken := func() error {
		return &Error{start, fmt.Sprintf("damaged compressed string; it does not decompress to %d bytes", size), nil}
	}
	next := func() (byte, error) {
		if packed == 0 {
			return 0, broken()
		}
		packed--
		return w.u8()
	}
	for packed > 0 {
		ctrl, err := next()
		if err != nil {
			return dst, err
		}
		var run uint64
		if ctrl < 32 {
			run = uint64(ctrl) + 1
			if run > packed || run > real {
				return dst, broken()
			}
			p, err := w.take(run)
			if err != nil {
				return dst, err
			}
			packed -= run
			dst = append(dst, p...)
		} else {
			run = uint64(ctrl>>5) + 2
			if run == 7+2 {
				more, err := next()
				if err != nil {
					return dst, err
				}
				run += uint64(more)
			}
			low, err := next()
			if err != nil {
				return dst, err
			}
			from := len(dst) - (int(ctrl&0x1f)<<8 | int(low)) - 1
			if from < 0 || run > real {
				return dst, broken()
			}
			// Append what is there already, which doubles with every round where the run overlaps itself.
			for to := from + int(run); from < to; {
				n := min(to, len(dst)) - from
				dst = append(dst, dst[from:from+n]...)
				from += n
			}
		}
		real -= run
		if emit != nil && len(dst) >= stringChunk+lzfReach {
			if err := emit(dst[:stringChunk]); err != nil {
				return dst, err
			}
			dst = append(dst[:0], dst[stringChunk:]...)
		}
	}
	if real != 0 {
		return dst, broken()
	}
	return dst, nil
}
