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

// inflate reads packed bytes of LZF and appends the real bytes that they stand for to dst, which must be empty. With
// emit, memory stays bounded: it gets the bytes piece by piece, and what is returned is the last piece, not emitted yet.
func (w *window) inflate(dst []byte, packed, real uint64, emit func([]byte) error) ([]byte, error) {
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
