package rdb

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// Size describes how large a value is.
type Size struct {
	Elements uint64 // items, members or fields; 1 for a string; of a module's value 0, because only the module knows
	Content  uint64 // bytes of the elements, unpacked; of a packed encoding, all of its bytes
	// Memory is about what a server of 64 bits needs for it (Redis 7, jemalloc), without the key. A module's value is
	// taken as large as in the dump.
	Memory uint64
}

// Measure returns how large a value is without its elements. Like [Decode] it reads a value larger than the window
// once, and needs memory for its largest packed node.
func Measure(e *Entry) (Size, error) {
	if e.Raw == nil {
		var m measurer
		err := e.stream(func(w *window) error {
			m.w = w
			return m.value(e.Type)
		})
		return m.size, err
	}
	m := measurer{w: &window{buf: e.Raw, end: len(e.Raw), base: e.ValueOffset}}
	err := m.value(e.Type)
	return m.size, err
}

// KeyMemory is about what a server needs for a key beside its value: the key, its entry in the database, and in the
// table of expiries.
func KeyMemory(e *Entry) uint64 {
	n := sdsMemory(uint64(len(e.Key))) + dictEntry + bucket + object
	if e.Expiry != 0 {
		n += dictEntry + bucket
	}
	return n
}

// Where the packed encodings say how many parts they have; a zipmap may not be right about it. Never written.
var (
	zipmapPacking   = packing{walk: walkZipmap}
	ziplistPacking  = packing{8, 2, walkZiplist}
	listpackPacking = packing{4, 2, walkListpack}
	intsetPacking   = packing{4, 4, walkIntset}
)

// What things take in memory (redis 7.0 src/dict.h, object.c, quicklist.h, t_zset.c, stream.h; 64 bits).
const (
	object          = 16        // robj
	dictEntry       = 24        // the key's and the value's pointer, and the next
	bucket          = 8 * 3 / 2 // of a hash table, which has between one and two of them an entry
	dictFixed       = 56
	skipNode        = 24 + 16*4/3 // with 1.33 levels an element, of 16 bytes
	skipFixed       = 16 + 32 + 24 + 16*32
	listFixed       = 40
	listNode        = 32
	streamFixed     = 80
	streamNodeFixed = 56 // an entry in a radix tree of 16-byte keys
	embedded        = 44 // the longest string that is one piece with its object
)

// jemalloc rounds up to jemalloc's classes: multiples of 8 up to 64, then four in each doubling.
func jemalloc(n uint64) uint64 {
	if n <= 64 {
		return (n + 7) &^ 7
	}
	step := uint64(1) << (bits.Len64(n-1) - 3)
	return (n + step - 1) &^ (step - 1)
}

// sdsMemory is the size of a string with its header.
func sdsMemory(n uint64) uint64 {
	switch {
	case n < 32:
		return jemalloc(n + 2)
	case n < 1<<8:
		return jemalloc(n + 4)
	case n < 1<<16:
		return jemalloc(n + 6)
	}
	return jemalloc(n + 18)
}

// A measurer adds up a value.
type measurer struct {
	w    *window
	size Size
}

// value measures a value of type t. The layouts are those of skipValue.
func (m *measurer) value(t Type) error {
	s := &m.size
	switch t {
	case TypeString:
		n, integer, err := m.w.stringLength()
		s.Elements, s.Content = 1, n
		switch {
		case integer: // in the place of the pointer
		case n <= embedded:
			s.Memory = jemalloc(object+3+n+1) - object
		default:
			s.Memory = sdsMemory(n)
		}
		return err
	case TypeSet:
		s.Memory = dictFixed
		return m.list("s", dictEntry+bucket)
	case TypeHash:
		s.Memory = dictFixed
		return m.list("ss", dictEntry+bucket)
	case TypeZSet:
		s.Memory = dictFixed + skipFixed
		return m.list("sf", dictEntry+bucket+skipNode)
	case TypeZSet2:
		s.Memory = dictFixed + skipFixed
		return m.list("s8", dictEntry+bucket+skipNode)
	case TypeHashTTLPreGA:
		s.Memory = dictFixed
		return m.list("nss", dictEntry+bucket+16)
	case TypeHashTTL:
		if err := m.w.skip(8); err != nil {
			return err
		}
		s.Memory = dictFixed
		return m.list("nss", dictEntry+bucket+16)
	case TypeValkeyHashTTL:
		s.Memory = dictFixed
		return m.list("ss8", dictEntry+bucket+16)
	case TypeList: // becomes a quicklist, with about 1 byte before and after each element
		s.Memory = listFixed
		return m.list("s", 0)
	case TypeHashZipmap:
		return m.packed(2, zipmapPacking)
	case TypeListZiplist:
		s.Memory = listFixed + listNode
		return m.packed(1, ziplistPacking)
	case TypeSetIntset:
		return m.packed(1, intsetPacking)
	case TypeZSetZiplist, TypeHashZiplist:
		return m.packed(2, ziplistPacking)
	case TypeHashListpack, TypeZSetListpack:
		return m.packed(2, listpackPacking)
	case TypeSetListpack:
		return m.packed(1, listpackPacking)
	case TypeHashTTLLPPreGA:
		return m.packed(3, listpackPacking)
	case TypeHashTTLLP:
		if err := m.w.skip(8); err != nil {
			return err
		}
		return m.packed(3, listpackPacking)
	case TypeListQuicklist:
		return m.nodes(func() error { return m.packed(1, ziplistPacking) })
	case TypeListQuicklist2:
		return m.nodes(m.quicklistNode)
	case TypeStream:
		return m.stream("nn", "snn", "s8")
	case TypeStream2:
		return m.stream("nnnnnnn", "snnn", "s8")
	case TypeStream3:
		return m.stream("nnnnnnn", "snnn", "s88")
	}
	start := m.w.offset()
	err := m.w.skipValue(t)
	s.Content = uint64(m.w.offset() - start)
	s.Memory = s.Content
	return err
}

// list measures a length and as many elements, of which each takes fixed bytes beside its strings.
func (m *measurer) list(element layout, fixed uint64) error {
	n, err := m.w.count()
	m.size.Elements += n
	for ; n > 0 && err == nil; n-- {
		m.size.Memory += fixed
		for i := 0; i < len(element) && err == nil; i++ {
			if element[i] != 's' {
				err = m.w.skipParts(element[i : i+1])
				continue
			}
			var size uint64
			size, _, err = m.w.stringLength()
			m.size.Content += size
			m.size.Memory += sdsMemory(size)
		}
	}
	return err
}

// packed measures a string that holds elements of arity parts. Where its head says how many, it is not unpacked.
func (m *measurer) packed(arity uint64, p packing) error {
	head, size, err := m.w.peekString()
	if err != nil {
		return err
	}
	parts, known := p.count(head)
	if known {
		err = m.w.skipString()
	} else {
		at := m.w.offset()
		var whole []byte
		if whole, err = m.w.str(); err != nil {
			return err
		}
		err = locate(p.walk(whole, func([]byte) error { parts++; return nil }), at)
	}
	m.size.Elements += parts / arity
	m.size.Content += size
	m.size.Memory += jemalloc(size)
	return err
}

// A packing knows the number of parts of a packed encoding: where in its head it is, if it says so.
type packing struct {
	at, width int // of the number, in the head; a width of 0: nowhere
	walk      func([]byte, func([]byte) error) error
}

// count returns the number in the head of a packed encoding, where it says one.
func (p packing) count(head []byte) (n uint64, known bool) {
	if p.width == 0 || len(head) < p.at+p.width {
		return 0, false
	}
	if p.width == 2 {
		n = uint64(binary.LittleEndian.Uint16(head[p.at:]))
		return n % packMany, n != packMany
	}
	return uint64(binary.LittleEndian.Uint32(head[p.at:])), true
}

// peekHead is how much is looked at of a string: more than the head of any packed encoding.
const peekHead = 16

// peekString returns the first bytes of a string and its length unpacked, and leaves it unread.
func (w *window) peekString() (head []byte, size uint64, err error) {
	w.holding, w.hold = true, w.pos
	defer func() { w.holding, w.pos = false, w.hold }()
	n, special, err := w.length()
	switch {
	case err != nil:
		return nil, 0, err
	case !special:
		head, err = w.take(min(n, peekHead))
		return head, n, err
	case n != stringLZF:
		var digits []byte
		digits, err = w.appendInt(nil, n)
		return digits, uint64(len(digits)), err
	}
	packed, real, err := w.lzfLengths()
	if err != nil {
		return nil, 0, err
	}
	// A byte of the head takes two of the packed ones at most.
	p, err := w.take(min(packed, 2*peekHead))
	if err != nil {
		return nil, 0, err
	}
	return lzfHead(p), real, nil
}

// lzfHead unpacks the beginning of a compressed string as far as p goes.
func lzfHead(p []byte) []byte {
	var head []byte
	for len(p) > 0 {
		ctrl := p[0]
		if p = p[1:]; ctrl < 32 {
			n := min(int(ctrl)+1, len(p))
			head, p = append(head, p[:n]...), p[n:]
			continue
		}
		run := int(ctrl>>5) + 2
		if run == 7+2 && len(p) > 0 {
			run += int(p[0])
			p = p[1:]
		}
		if len(p) == 0 {
			break
		}
		from := len(head) - (int(ctrl&0x1f)<<8 | int(p[0])) - 1
		if p = p[1:]; from < 0 {
			break
		}
		for ; run > 0; run-- {
			head = append(head, head[from])
			from++
		}
	}
	return head
}

// nodes measures a list of nodes.
func (m *measurer) nodes(node func() error) error {
	m.size.Memory = listFixed
	n, err := m.w.count()
	for ; n > 0 && err == nil; n-- {
		m.size.Memory += listNode
		err = node()
	}
	return err
}

func (m *measurer) quicklistNode() error {
	container, err := m.w.count()
	if err != nil {
		return err
	}
	if container == quicklistPacked {
		return m.packed(1, listpackPacking)
	}
	n, _, err := m.w.stringLength()
	m.size.Elements++
	m.size.Content += n
	m.size.Memory += jemalloc(n)
	return err
}

// stream measures a stream; fields are those after its length.
func (m *measurer) stream(fields, group, consumer layout) error {
	w, s := m.w, &m.size
	s.Memory = streamFixed
	nodes, err := w.count()
	for ; nodes > 0 && err == nil; nodes-- {
		if err = w.skipString(); err != nil {
			return err
		}
		var n uint64
		n, _, err = w.stringLength()
		s.Content += n
		s.Memory += streamNodeFixed + jemalloc(n)
	}
	if err != nil {
		return err
	}
	if s.Elements, err = w.count(); err != nil {
		return err
	}
	if err := w.skipParts(fields); err != nil {
		return err
	}
	return w.skipGroups(group, consumer, func(size uint64) { s.Memory += size })
}

// stringLength passes over a string and gives its length unpacked, and whether it is written as an integer.
func (w *window) stringLength() (n uint64, integer bool, err error) {
	n, special, err := w.length()
	switch {
	case err != nil:
		return 0, false, err
	case !special:
		return n, false, w.skip(n)
	case n == stringLZF:
		packed, real, err := w.lzfLengths()
		if err != nil {
			return 0, false, err
		}
		return real, false, w.skip(packed)
	}
	var digits [20]byte
	p, err := w.appendInt(digits[:0], n)
	return uint64(len(p)), true, err
}

// FormatBytes returns a size for people, in steps of 1024: 999 B, 1.5 KiB, 12 MiB.
func FormatBytes(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for ; value >= 1023.5 && unit < 5; unit++ {
		value /= 1024
	}
	decimals := 1
	if value >= 9.95 {
		decimals = 0
	}
	return strconv.FormatFloat(value, 'f', decimals, 64) + " " + "KMGTPE"[unit:unit+1] + "iB"
}
