package rdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
)

// Check decodes a value and checks what servers check that do not trust a payload (sanitize-dump-payload yes; redis src/rdb.c,
// rdbLoadObject with deep integrity validation): lengths that are written backwards in packed elements, counts of
// stream nodes, duplicate members and fields, and pending items that belong to no consumer or to several. A server
// that finds one of these refuses the value, or the whole dump. Values of modules are refused with [ErrUnsupported].
func Check(e *Entry) error {
	c := checkers.Get().(*checker)
	c.entry = e
	err := decode(e, true, c.element)
	seeds, seen := c.seeds, c.seen
	if clear(seen); c.many {
		seen = map[[2]uint64]struct{}{}
	}
	*c = checker{seeds: seeds, seen: seen}
	checkers.Put(c)
	return err
}

// checkers are kept with their memory.
var checkers = sync.Pool{New: func() any {
	return &checker{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, seen: map[[2]uint64]struct{}{}}
}}

// maxDistinct bounds the memory of the search for duplicates, 16 bytes each and as much again: values with more elements are not searched.
const maxDistinct = 8 << 20

// A checker looks for duplicates in a value. It compares sums of 128 bits, so that large elements cost no memory.
type checker struct {
	entry *Entry
	seeds [2]maphash.Seed
	seen  map[[2]uint64]struct{}
	many  bool  // it had more than small values have
	last  int64 // member of an intset
	some  bool
}

func (c *checker) element(el *Element) error {
	what := ""
	switch el.Kind {
	case SetMember:
		what = "member"
		if c.entry.Type == TypeSetIntset {
			n, err := strconv.ParseInt(string(el.Bytes), 10, 64)
			if err != nil {
				return &Error{c.entry.ValueOffset, "invalid member in an intset", nil}
			}
			if c.some && n <= c.last {
				return &Error{c.entry.ValueOffset, fmt.Sprintf("unsorted intset members (%d after %d)", n, c.last), nil}
			}
			c.last, c.some = n, true
			return nil
		}
	case ZSetMember:
		what = "member"
	case HashField:
		what = "field"
	default:
		return nil
	}
	if !c.first(el.Bytes) {
		return &Error{c.entry.ValueOffset, fmt.Sprintf("duplicate %s %q", what, shorten(el.Bytes)), nil}
	}
	return nil
}

// first reports whether something was not there before.
func (c *checker) first(p []byte) bool {
	if len(c.seen) >= maxDistinct {
		return true
	}
	sum := [2]uint64{maphash.Bytes(c.seeds[0], p), maphash.Bytes(c.seeds[1], p)}
	before := len(c.seen)
	c.seen[sum] = struct{}{}
	c.many = c.many || before >= 1024
	return len(c.seen) > before
}

func shorten(p []byte) []byte { return p[:min(len(p), 100)] }

// backwards checks the length that is written after an element of a listpack, to be read backwards (redis src/listpack.c,
// lpEncodeBacklen).
func backwards(p []byte, size int) bool {
	n := backLength(size)
	var want [5]byte
	for i := range n {
		b := byte(size>>(7*(n-1-i))) & 127
		if i > 0 {
			b |= 128
		}
		want[i] = b
	}
	return bytes.Equal(p[:n], want[:n])
}

// checkPacked checks the parts of packed elements that reading them forwards does not need.
func checkPacked(t Type, p []byte) error {
	switch t {
	case TypeListZiplist, TypeZSetZiplist, TypeHashZiplist, TypeListQuicklist:
		return checkZiplist(p)
	case TypeHashListpack, TypeZSetListpack, TypeSetListpack, TypeListQuicklist2, TypeHashTTLLP, TypeHashTTLLPPreGA:
		lp, err := newListpack(p)
		if err != nil {
			return err
		}
		return lp.check()
	}
	return nil
}

// check goes over a listpack without using it up.
func (lp *listpack) check() error {
	c := *lp
	for {
		p := c.p
		_, more, err := c.next()
		if err != nil || !more {
			return err
		}
		used := len(p) - len(c.p)
		size, _ := (&listpack{p: p}).split()
		if !backwards(p[size:used], size) {
			return packError("wrong backward length of an element")
		}
	}
}

// checkZiplist checks the length of the element before, which each has, and the offset of the last one.
func checkZiplist(p []byte) error {
	const header = 10
	if len(p) <= header || binary.LittleEndian.Uint32(p) != uint32(len(p)) || p[len(p)-1] != packEnd {
		return errPackSize
	}
	tail := int64(binary.LittleEndian.Uint32(p[4:]))
	at, last, before := header, header, 0
	for at < len(p)-1 {
		head, said := 1, int(p[at])
		if p[at] == 0xfe {
			if head = 5; at+head >= len(p)-1 {
				return errPackEntry
			}
			said = int(binary.LittleEndian.Uint32(p[at+1:]))
		}
		if p[at] == packEnd || at+head >= len(p)-1 {
			return errPackEntry
		}
		enc, size, _ := splitZip(p[at+head : len(p)-1])
		if enc == 0 || size < 0 || size > len(p)-1-at-head-enc {
			return errPackEntry
		}
		if said != before {
			return packError("wrong length of the previous element")
		}
		last, before = at, head+enc+size
		at += before
	}
	if tail != int64(last) {
		return packError("wrong offset of the last element")
	}
	return nil
}
