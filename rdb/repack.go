package rdb

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"
)

// maxRepacked bounds the bytes of one ziplist; what is larger, no server packs.
const maxRepacked = 1 << 20

// repack writes listpacks as the ziplists that servers had before 7.0, which load them without looking at each element. !ok is for
// what is better written element by element: other types and versions, and what is not as such a server would have it.
func repack(e *Entry, version int) (raw []byte, to Type, ok bool, err error) {
	switch e.Type {
	case TypeHashListpack:
		to = TypeHashZiplist
	case TypeZSetListpack:
		to = TypeZSetZiplist
	case TypeListQuicklist2:
		to = TypeListQuicklist
	}
	if to == 0 || !fits(to, version) || len(e.Raw) == 0 {
		return nil, 0, false, nil
	}
	r := repackers.Get().(*repacker)
	defer r.release()
	r.w.buf, r.w.end, r.w.base, r.to = e.Raw, len(e.Raw), e.ValueOffset, to
	r.out = make([]byte, 0, len(e.Raw)+len(e.Raw)/2)
	if e.Type == TypeListQuicklist2 {
		err = r.nodes()
	} else {
		err = r.node()
	}
	if left := r.w.end - r.w.pos; left > 0 && err == nil && !r.unlike {
		err = r.w.errorf("%d unexpected bytes after the value", left)
	}
	return r.out, to, err == nil && !r.unlike, err
}

// repackers are kept with their memory.
var repackers = sync.Pool{New: func() any { return &repacker{w: &window{}} }}

func (r *repacker) release() {
	w, scratch := r.w, r.w.scratch
	*w = window{}
	if cap(scratch) <= maxRepacked && cap(r.z.buf) <= maxRepacked {
		w.scratch = scratch
		*r = repacker{w: w, z: ziplist{buf: r.z.buf}, member: r.member[:0], before: r.before[:0]}
		repackers.Put(r)
	}
}

// A repacker turns the listpacks of one value into ziplists.
type repacker struct {
	w      *window
	to     Type
	out    []byte
	unlike bool // it is not as an older server has it
	z      ziplist
	n      int    // elements of the node
	member []byte // the last one of a sorted set, and the one before it with its score
	before []byte
	score  float64
}

func (r *repacker) nodes() error {
	n, err := r.w.count()
	if err != nil {
		return err
	}
	r.out = AppendLength(r.out, n)
	r.unlike = n == 0
	for ; n > 0 && err == nil && !r.unlike; n-- {
		var container uint64
		if container, err = r.w.count(); err != nil {
			return err
		}
		if r.unlike = container != quicklistPacked; !r.unlike {
			err = r.node()
		}
	}
	return err
}

func (r *repacker) node() error {
	at := r.w.offset()
	p, err := r.w.str()
	if err != nil {
		return err
	}
	r.z.begin()
	r.n = 0
	err = walkListpack(p, r.element)
	if err == nil && r.n%2 == 1 && r.to != TypeListQuicklist {
		err = packError("the last element is incomplete")
	}
	if err != nil {
		return locate(err, at)
	}
	r.unlike = r.unlike || r.n == 0 || len(r.z.buf) > maxRepacked
	r.out = AppendString(r.out, r.z.end())
	return nil
}

func (r *repacker) element(p []byte) error {
	r.z.add(p)
	r.n++
	switch {
	case r.to != TypeZSetZiplist:
	case r.n%2 == 1:
		r.member, r.before = append(r.before[:0], p...), r.member
	default:
		score, ok := parseScore(p)
		if !ok {
			return packError("invalid score")
		}
		if r.n > 2 && (score < r.score || score == r.score && bytes.Compare(r.member, r.before) <= 0) {
			r.unlike = true // a server searches it by order
		}
		r.score = score
	}
	return nil
}

// A ziplist is being written; see walkZiplist for its form.
type ziplist struct {
	buf  []byte
	last int // where the last element begins
	size int // of it
	n    int
}

const zipHeader = 10

func (z *ziplist) begin() {
	*z = ziplist{buf: append(z.buf[:0], make([]byte, zipHeader)...), last: zipHeader}
}

func (z *ziplist) add(p []byte) {
	start := len(z.buf)
	if z.size < 0xfe {
		z.buf = append(z.buf, byte(z.size))
	} else {
		z.buf = binary.LittleEndian.AppendUint32(append(z.buf, 0xfe), uint32(z.size))
	}
	if n, ok := canonicalInt(p); ok {
		z.buf = appendZipInt(z.buf, n)
	} else {
		switch n := len(p); {
		case n < 1<<6:
			z.buf = append(z.buf, byte(n))
		case n < 1<<14:
			z.buf = append(z.buf, 0x40|byte(n>>8), byte(n))
		default:
			z.buf = binary.BigEndian.AppendUint32(append(z.buf, 0x80), uint32(n))
		}
		z.buf = append(z.buf, p...)
	}
	z.last, z.size = start, len(z.buf)-start
	z.n++
}

// canonicalInt returns the number that a server would store instead of a text: one that gives the same text again.
func canonicalInt(p []byte) (int64, bool) {
	if len(p) == 0 || len(p) > 20 || p[0] != '-' && (p[0] < '0' || p[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseInt(string(p), 10, 64)
	if err != nil {
		return 0, false
	}
	var digits [20]byte
	return n, bytes.Equal(strconv.AppendInt(digits[:0], n, 10), p)
}

func appendZipInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0 && n <= 12:
		return append(dst, 0xf1+byte(n))
	case n == int64(int8(n)):
		return append(dst, 0xfe, byte(n))
	case n == int64(int16(n)):
		return append(dst, 0xc0, byte(n), byte(n>>8))
	case n >= -1<<23 && n < 1<<23:
		return append(dst, 0xf0, byte(n), byte(n>>8), byte(n>>16))
	case n == int64(int32(n)):
		return binary.LittleEndian.AppendUint32(append(dst, 0xd0), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xe0), uint64(n))
}

// end returns the ziplist, valid until begin.
func (z *ziplist) end() []byte {
	z.buf = append(z.buf, packEnd)
	binary.LittleEndian.PutUint32(z.buf, uint32(len(z.buf)))
	binary.LittleEndian.PutUint32(z.buf[4:], uint32(z.last))
	binary.LittleEndian.PutUint16(z.buf[8:], uint16(min(z.n, packMany)))
	return z.buf
}
