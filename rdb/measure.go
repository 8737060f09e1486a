package rdb

import (
	"encoding/binary"
	"strconv"
)

// Size describes how large a value is.
type Size struct {
	Elements uint64 // items, members or fields; 1 for a string; of a module's value 0, because only the module knows
	Content  uint64 // bytes of the elements, unpacked; of a packed encoding, all of its bytes
	// Memory is about what a server of 64 bits needs for it, with its object, without the key. A module's value is taken as
	// large as in the dump.
	Memory uint64
}

// Measure returns how large a value is, without its elements, in a server of Redis 7.0: see [Layout.Measure].
func Measure(e *Entry) (Size, error) { return Layout{}.Measure(e) }

// Measure returns how large a value is without its elements. Like [Decode] it reads a value larger than the window
// once, and needs memory for its largest packed node.
func (l Layout) Measure(e *Entry) (Size, error) {
	m := measurer{Layout: l}
	if e.Raw == nil {
		err := e.stream(func(w *window) error {
			m.w = w
			return m.value(e.Type)
		})
		return m.size, err
	}
	m.w = &window{buf: e.Raw, end: len(e.Raw), base: e.ValueOffset}
	err := m.value(e.Type)
	return m.size, err
}

// Where the packed encodings say how many parts they have; a zipmap may not be right about it. Never written.
var (
	zipmapPacking   = packing{walk: walkZipmap}
	ziplistPacking  = packing{8, 2, walkZiplist}
	listpackPacking = packing{4, 2, walkListpack}
	intsetPacking   = packing{4, 4, walkIntset}
)

// A measurer adds up a value.
type measurer struct {
	Layout
	w    *window
	size Size
}

// value measures a value of type t. The layouts are those of skipValue.
func (m *measurer) value(t Type) error {
	if t == TypeString {
		return m.string()
	}
	m.size.Memory = m.Allocator.size(objectSize)
	switch t {
	case TypeSet:
		entries := uint64(listpackSet)
		if m.Release == Redis60 || m.Release == Redis70 {
			entries = 0
		}
		return m.list("s", m.keyDict, entries)
	case TypeHash:
		return m.list("ss", m.dict, listpackHash)
	case TypeZSet:
		return m.list("sf", m.skiplist, listpackZSet)
	case TypeZSet2:
		return m.list("s8", m.skiplist, listpackZSet)
	case TypeHashTTLPreGA:
		return m.list("nss", m.expiring, 0)
	case TypeHashTTL:
		if err := m.w.skip(8); err != nil {
			return err
		}
		return m.list("nss", m.expiring, 0)
	case TypeValkeyHashTTL:
		return m.list("ss8", m.expiring, 0)
	case TypeList:
		return m.oldList()
	case TypeHashZipmap:
		return m.packed(2, zipmapPacking)
	case TypeListZiplist:
		m.size.Memory += m.Allocator.size(listSize) + m.listNode(0) - m.Allocator.size(0)
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
		return m.nodes(func() (bool, error) { return true, m.packed(1, ziplistPacking) })
	case TypeListQuicklist2:
		return m.nodes(m.quicklistNode)
	case TypeStream:
		return m.stream("nn", "nn", "8")
	case TypeStream2:
		return m.stream("nnnnnnn", "nnn", "8")
	case TypeStream3:
		return m.stream("nnnnnnn", "nnn", "88")
	}
	start := m.w.offset()
	err := m.w.skipValue(t)
	m.size.Content = uint64(m.w.offset() - start)
	m.size.Memory += m.size.Content
	return err
}

// maxIntText is the length of the longest text that a server keeps as an integer.
const maxIntText = 20

// string measures a string: one of up to 44 bytes is one piece with its object, an integer stands in the place of the pointer, and a
// small one is an object that all keys share, unless the server evicts by use.
func (m *measurer) string() error {
	head, n, err := m.w.peekString()
	if err != nil {
		return err
	}
	s, a := &m.size, m.Allocator
	s.Elements, s.Content = 1, n
	number, err := strconv.ParseInt(string(head), 10, 64)
	switch {
	case n <= maxIntText && err == nil && len(strconv.FormatInt(number, 10)) == int(n):
		if number < 0 || number >= sharedIntegers {
			s.Memory = a.size(objectSize)
		}
	case n <= embedded:
		s.Memory = a.size(objectSize + 3 + n + 1)
	default:
		s.Memory = a.size(objectSize) + m.Layout.string(n)
	}
	return m.w.skipString()
}

// expiring is a hash table of n fields with times to live.
func (m *measurer) expiring(n uint64) uint64 { return m.dict(n) + n*m.Allocator.size(fieldExpirySize) }

// list measures a length and as many elements. In a server whole is what n of them take beside their strings; up to so many
// entries, if all of them are short, it packs them into a listpack when it loads them.
func (m *measurer) list(element layout, whole func(n uint64) uint64, entries uint64) error {
	count, err := m.w.count()
	if err != nil {
		return err
	}
	var loose, longest uint64
	pack := uint64(listpackFixed)
	for n := count; n > 0 && err == nil; n-- {
		for i := 0; i < len(element) && err == nil; i++ {
			if element[i] != 's' {
				pack += scoreText + listpackEntry
				err = m.w.skipParts(element[i : i+1])
				continue
			}
			var size uint64
			size, _, err = m.w.stringLength()
			m.size.Content += size
			loose += m.Layout.string(size)
			pack += size + listpackEntry
			longest = max(longest, size)
		}
	}
	m.size.Elements += count
	if count <= entries && longest <= listpackValue {
		m.size.Memory += m.Allocator.size(pack)
	} else {
		m.size.Memory += whole(count) + loose
	}
	return err
}

// scoreText is about what a score takes in a listpack.
const scoreText = 4

// oldList measures a list without nodes, as before Redis 3.2, which a server packs into nodes.
func (m *measurer) oldList() error {
	n, err := m.w.count()
	m.size.Elements = n
	for ; n > 0 && err == nil; n-- {
		var size uint64
		size, _, err = m.w.stringLength()
		m.size.Content += size
	}
	packed := m.size.Content + m.size.Elements*listpackEntry
	m.size.Memory += m.Allocator.size(listSize) + packed/listpackNode*m.listNode(listpackNode) + m.listNode(packed%listpackNode)
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
	m.size.Memory += m.Allocator.size(size)
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
const peekHead = maxIntText

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

// nodes measures a list of nodes; a single packed node of some length is all of a list since 7.2.
func (m *measurer) nodes(node func() (packed bool, err error)) error {
	count, err := m.w.count()
	a, whole := m.Allocator, m.size.Memory
	var packed bool
	for n := count; n > 0 && err == nil; n-- {
		m.size.Memory += m.listNode(0) - a.size(0)
		packed, err = node()
	}
	if count == 1 && packed && m.size.Content <= listpackNode && m.Release != Redis60 && m.Release != Redis70 {
		m.size.Memory = whole + a.size(m.size.Content)
		return err
	}
	m.size.Memory += a.size(listSize)
	return err
}

func (m *measurer) quicklistNode() (packed bool, err error) {
	container, err := m.w.count()
	if err != nil {
		return false, err
	}
	if container == quicklistPacked {
		return true, m.packed(1, listpackPacking)
	}
	n, _, err := m.w.stringLength()
	m.size.Elements++
	m.size.Content += n
	m.size.Memory += m.Allocator.size(n)
	return false, err
}

// stream measures a stream; fields are those after its length, group and consumer those after their names.
func (m *measurer) stream(fields, group, consumer layout) error {
	w, s, a := m.w, &m.size, m.Allocator
	fixed := uint64(streamSize)
	if m.Release == Redis60 {
		fixed = streamSize60
	}
	s.Memory += a.size(fixed)
	nodes, err := w.count()
	tree := rax{alloc: a}
	for ; nodes > 0 && err == nil; nodes-- {
		var id []byte
		if id, err = w.str(); err != nil {
			return err
		}
		tree.add(id[:min(len(id), 2*8)])
		var n uint64
		n, _, err = w.stringLength()
		s.Content += n
		s.Memory += a.size(n)
	}
	if err != nil {
		return err
	}
	s.Memory += tree.size()
	if s.Elements, err = w.count(); err != nil {
		return err
	}
	if err := w.skipParts(fields); err != nil {
		return err
	}
	return m.groups(group, consumer)
}

// groups measures the groups of a stream, with their consumers and what is pending.
func (m *measurer) groups(group, consumer layout) error {
	w, s, a := m.w, &m.size, m.Allocator
	fixed, member := uint64(groupSize), uint64(consumerSize72)
	switch m.Release {
	case Redis60:
		fixed, member = groupSize60, consumerSize
	case Redis70:
		member = consumerSize
	}
	groups, err := w.count()
	if groups > 0 {
		s.Memory += a.size(raxSize)
	}
	for ; groups > 0 && err == nil; groups-- {
		var n uint64
		if n, err = m.named(group); err != nil {
			return err
		}
		s.Memory += n + a.size(fixed) + a.size(raxSize)
		if n, err = m.pending("8n"); err != nil {
			return err
		}
		s.Memory += n * a.size(pendingSize)
		var consumers uint64
		for consumers, err = w.count(); consumers > 0 && err == nil; consumers-- {
			if n, err = m.named(consumer); err != nil {
				return err
			}
			s.Memory += n + a.size(member)
			_, err = m.pending("")
		}
	}
	return err
}

// named reads a name and what follows, and gives what its string and its entry in a radix tree take.
func (m *measurer) named(rest layout) (uint64, error) {
	n, _, err := m.w.stringLength()
	if err != nil {
		return 0, err
	}
	tree := rax{alloc: m.Allocator}
	return m.Layout.string(n) + tree.chain(int(min(n, 1<<20))) + tree.node(0, 1), m.w.skipParts(rest)
}

// pending measures a tree of the IDs of pending entries, each of them with more after it.
func (m *measurer) pending(more layout) (n uint64, err error) {
	if n, err = m.w.count(); err != nil {
		return 0, err
	}
	tree := rax{alloc: m.Allocator}
	for i := n; i > 0; i-- {
		id, err := m.w.take(2 * 8)
		if err != nil {
			return 0, err
		}
		tree.add(id)
		if err := m.w.skipParts(more); err != nil {
			return 0, err
		}
	}
	m.size.Memory += tree.size()
	return n, nil
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
