package rdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
)

// ElementKind describes what an [Element] is and which of its fields are set.
type ElementKind uint8

// The kinds of elements.
const (
	StringChunk    ElementKind = iota // Bytes: the next part of a string; all of it, up to 1 MiB
	ListItem                          // Bytes
	SetMember                         // Bytes
	ZSetMember                        // Bytes, Score
	HashField                         // Bytes, Value, Expiry
	StreamItem                        // ID, Fields
	StreamState                       // Stream; once, after the items
	StreamGroup                       // Bytes: its name, ID: last delivered, EntriesRead
	StreamConsumer                    // Bytes: its name; Seen, Active; it belongs to the last group
	StreamPending                     // ID, Delivered, Deliveries; it belongs to the last consumer
)

// Element is one part of a value. It and what it points to are valid until the function that got it returns.
type Element struct {
	Kind   ElementKind
	Bytes  []byte
	Value  []byte
	Score  float64
	Expiry int64 // of a hash field, in Unix milliseconds; 0 for none

	ID     StreamID
	Fields [][]byte // fields and values in turn
	Stream StreamInfo

	EntriesRead int64  // of a group; -1 where it is not known
	Seen        int64  // Unix milliseconds of a consumer's last attempt
	Active      int64  // of its last success; -1 where there was none or it is not known
	Delivered   int64  // Unix milliseconds of the last delivery
	Deliveries  uint64 // how often it was delivered
}

// StreamID is the ID of an item of a stream.
type StreamID struct{ Ms, Seq uint64 }

// String gives the form of the commands, such as 1700000000000-0.
func (id StreamID) String() string { return fmt.Sprintf("%d-%d", id.Ms, id.Seq) }

func (id StreamID) compare(other StreamID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// StreamInfo is the state of a stream apart from its items.
type StreamInfo struct {
	Length     uint64
	Last       StreamID
	MaxDeleted StreamID // the largest ID ever deleted; 0-0 for none
	Added      uint64   // how many items were ever added; the length, where the dump is of Redis before 7.0
}

// Decode gives the elements of a value in the order of the dump. A value larger than the window is read element by
// element and can be decoded once; what is held at a time is one element or packed node, and for a stream what is
// pending in one group (32 bytes each). Values of modules are refused with [ErrUnsupported]. An error of fn is returned
// as it is.
func Decode(e *Entry, fn func(*Element) error) error { return decode(e, false, fn) }

func decode(e *Entry, deep bool, fn func(*Element) error) error {
	if e.Type == TypeModule2 {
		return &Error{e.ValueOffset, fmt.Sprintf("values of module %q cannot be decoded; restore them to a server with the module", e.Module), ErrUnsupported}
	}
	if e.Raw == nil {
		return e.stream(func(w *window) error { return (&decoder{w: w, fn: fn, deep: deep}).value(e.Type) })
	}
	d := decoders.Get().(*decoder)
	d.w.buf, d.w.end, d.w.base, d.fn, d.deep = e.Raw, len(e.Raw), e.ValueOffset, fn, deep
	err := d.value(e.Type)
	if left := d.w.end - d.w.pos; left > 0 && err == nil {
		err = d.w.errorf("%d unexpected bytes after the value", left)
	}
	d.release()
	return err
}

// decoders are kept with their memory: most values are small, and many are decoded.
var decoders = sync.Pool{New: func() any { return &decoder{w: &window{}} }}

// release gives a decoder back, with as much memory as small values need.
func (d *decoder) release() {
	const most = 64 << 10
	scratch, parts := d.w.scratch, d.parts
	if cap(scratch) > most {
		scratch = nil
	}
	if cap(parts.bytes) > most || cap(parts.ends) > most/8 {
		parts = byteList{}
	}
	clear(parts.list[:cap(parts.list)])
	parts.reset()
	w := d.w
	*w = window{scratch: scratch}
	*d = decoder{w: w, parts: parts}
	decoders.Put(d)
}

// A decoder gathers the parts of an element and gives it to fn.
type decoder struct {
	w      *window
	fn     func(*Element) error
	elType Type
	deep   bool // check what reading does not need, too
	el     Element
	parts  byteList
	arity  int // parts of an element

	master  byteList // the field names that items of a stream node share
	pending []pendingItem

	// With deep, of a stream:
	items     uint64 // of all nodes
	node      StreamID
	consumers map[string]bool // of the group
	groups    map[string]bool
}

// value reads a value of type t. The layouts are those of skipValue.
func (d *decoder) value(t Type) error {
	d.elType = t
	switch t {
	case TypeString:
		return d.stringValue()
	case TypeList:
		return d.list(ListItem, 1)
	case TypeSet:
		return d.list(SetMember, 1)
	case TypeHash:
		return d.list(HashField, 2)
	case TypeZSet:
		return d.zset((*decoder).asciiScore)
	case TypeZSet2:
		return d.zset((*decoder).binaryScore)
	case TypeHashZipmap:
		return d.packed(HashField, 2, walkZipmap)
	case TypeListZiplist:
		return d.packed(ListItem, 1, walkZiplist)
	case TypeSetIntset:
		return d.packed(SetMember, 1, walkIntset)
	case TypeZSetZiplist:
		return d.packed(ZSetMember, 2, walkZiplist)
	case TypeHashZiplist:
		return d.packed(HashField, 2, walkZiplist)
	case TypeHashListpack:
		return d.packed(HashField, 2, walkListpack)
	case TypeZSetListpack:
		return d.packed(ZSetMember, 2, walkListpack)
	case TypeSetListpack:
		return d.packed(SetMember, 1, walkListpack)
	case TypeListQuicklist:
		return d.quicklist()
	case TypeListQuicklist2:
		return d.quicklist2()
	case TypeStream, TypeStream2, TypeStream3:
		return d.stream(t)
	case TypeHashTTLPreGA:
		return d.ttlHash(0)
	case TypeHashTTL:
		first, err := d.u64()
		if err != nil {
			return err
		}
		return d.ttlHash(first - 1)
	case TypeHashTTLLPPreGA:
		return d.packed(HashField, 3, walkListpack)
	case TypeHashTTLLP:
		if err := d.w.skip(8); err != nil { // the first expiry of all
			return err
		}
		return d.packed(HashField, 3, walkListpack)
	case TypeValkeyHashTTL:
		return d.valkeyHash()
	}
	return d.w.errorf("unknown type %d", t.Byte())
}

// stringValue returns a large string in chunks.
func (d *decoder) stringValue() error {
	w := d.w
	n, special, err := w.length()
	if err != nil {
		return err
	}
	var last []byte
	switch {
	case !special:
		for ; n > stringChunk; n -= stringChunk {
			p, err := w.take(stringChunk)
			if err != nil {
				return err
			}
			if err := d.chunk(p); err != nil {
				return err
			}
		}
		last, err = w.take(n)
	case n == stringLZF:
		var packed, real uint64
		if packed, real, err = w.lzfLengths(); err == nil {
			w.scratch, err = w.inflate(w.scratch[:0], packed, real, d.chunk)
			last = w.scratch
		}
	default:
		w.scratch, err = w.appendInt(w.scratch[:0], n)
		last = w.scratch
	}
	if err != nil {
		return err
	}
	return d.chunk(last)
}

func (d *decoder) chunk(p []byte) error {
	d.el = Element{Kind: StringChunk, Bytes: p}
	return d.fn(&d.el)
}

// begin describes what the parts that follow make up.
func (d *decoder) begin(kind ElementKind, arity int) {
	d.el = Element{Kind: kind}
	d.arity = arity
}

// part takes one part of an element; the last one completes it.
func (d *decoder) part(p []byte) error {
	if d.arity == 1 {
		d.el.Bytes = p
		return d.fn(&d.el)
	}
	d.parts.add(p)
	if d.parts.len() < d.arity {
		return nil
	}
	parts := d.parts.slices()
	d.parts.reset()
	d.el.Bytes = parts[0]
	switch {
	case d.el.Kind == HashField:
		d.el.Value = parts[1]
		if d.arity == 3 {
			at, err := strconv.ParseInt(string(parts[2]), 10, 64)
			if err != nil || at < 0 {
				return packError("invalid field expiry")
			}
			d.el.Expiry = at
		}
	case d.el.Kind == ZSetMember:
		var ok bool
		if d.el.Score, ok = parseScore(parts[1]); !ok {
			return packError("invalid score")
		}
	}
	return d.fn(&d.el)
}

// list reads a length and as many elements, each of arity strings.
func (d *decoder) list(kind ElementKind, arity int) error {
	d.begin(kind, arity)
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		for i := 0; i < arity && err == nil; i++ {
			var p []byte
			if p, err = d.w.str(); err == nil {
				err = d.part(p)
			}
		}
	}
	return err
}

// packed reads a string that holds all elements; walk takes it apart.
func (d *decoder) packed(kind ElementKind, arity int, walk func([]byte, func([]byte) error) error) error {
	d.begin(kind, arity)
	at := d.w.offset()
	p, err := d.w.str()
	if err != nil {
		return err
	}
	if d.deep {
		err = checkPacked(d.elType, p)
	}
	if err == nil {
		err = walk(p, d.part)
	}
	if err == nil && d.parts.len() > 0 {
		err = packError("the last element is incomplete")
	}
	return locate(err, at)
}

// locate adds to a packError where the packed bytes begin.
func locate(err error, at int64) error {
	if err == nil {
		return nil
	}
	var wrong packError
	if errors.As(err, &wrong) {
		return &Error{at, "damaged packed elements: " + string(wrong), nil}
	}
	return err
}

func (d *decoder) quicklist() error {
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		err = d.packed(ListItem, 1, walkZiplist)
	}
	return err
}

// How a node of a quicklist holds its elements; plain: it is one.
const (
	quicklistPlain  = 1
	quicklistPacked = 2
)

func (d *decoder) quicklist2() error {
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		var container uint64
		if container, err = d.w.count(); err != nil {
			break
		}
		switch container {
		case quicklistPlain:
			var p []byte
			if p, err = d.w.str(); err == nil {
				d.begin(ListItem, 1)
				err = d.part(p)
			}
		case quicklistPacked:
			err = d.packed(ListItem, 1, walkListpack)
		default:
			err = d.w.errorf("unknown list node type %d", container)
		}
	}
	return err
}

func (d *decoder) zset(score func(*decoder) (float64, error)) error {
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		var member []byte
		if member, err = d.w.str(); err != nil {
			break
		}
		d.parts.reset()
		d.parts.add(member)
		d.el = Element{Kind: ZSetMember, Bytes: d.parts.slices()[0]}
		if d.el.Score, err = score(d); err != nil {
			break
		}
		if math.IsNaN(d.el.Score) {
			return d.w.errorf("invalid score")
		}
		err = d.fn(&d.el)
	}
	return err
}

func (d *decoder) binaryScore() (float64, error) {
	bits, err := d.u64()
	return math.Float64frombits(bits), err
}

func (d *decoder) asciiScore() (float64, error) {
	n, err := d.w.u8()
	if err != nil {
		return 0, err
	}
	switch n {
	case scoreNaN:
		return math.NaN(), nil
	case scorePlus:
		return math.Inf(1), nil
	case scoreMinus:
		return math.Inf(-1), nil
	}
	p, err := d.w.take(uint64(n))
	if err != nil {
		return 0, err
	}
	score, ok := parseScore(p)
	if !ok {
		return 0, d.w.errorf("invalid score %q", p)
	}
	return score, nil
}

// parseScore reads a score in ASCII; one too large for a double is infinite, as it is to Redis.
func parseScore(p []byte) (score float64, ok bool) {
	score, err := strconv.ParseFloat(string(p), 64)
	return score, (err == nil || errors.Is(err, strconv.ErrRange)) && !math.IsNaN(score)
}

// ttlHash reads fields with their expiry before them: 0 for none, or milliseconds after base.
func (d *decoder) ttlHash(base uint64) error {
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		var ttl uint64
		if ttl, err = d.w.count(); err != nil {
			break
		}
		if ttl != 0 {
			ttl += base
		}
		if ttl > math.MaxInt64 {
			return d.w.errorf("invalid field expiry")
		}
		if err = d.pair(); err == nil {
			d.el.Expiry = int64(ttl)
			err = d.fn(&d.el)
		}
	}
	return err
}

// valkeyHash reads fields with their expiry after them: -1 for none.
func (d *decoder) valkeyHash() error {
	n, err := d.w.count()
	for ; n > 0 && err == nil; n-- {
		if err = d.pair(); err != nil {
			break
		}
		var at uint64
		if at, err = d.u64(); err == nil {
			d.el.Expiry = expiry(int64(at))
			err = d.fn(&d.el)
		}
	}
	return err
}

// pair reads a field and its value.
func (d *decoder) pair() error {
	d.parts.reset()
	for range 2 {
		p, err := d.w.str()
		if err != nil {
			return err
		}
		d.parts.add(p)
	}
	parts := d.parts.slices()
	d.el = Element{Kind: HashField, Bytes: parts[0], Value: parts[1]}
	return nil
}

// u64 reads 8 bytes, little-endian.
func (d *decoder) u64() (uint64, error) {
	p, err := d.w.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(p), nil
}

// A byteList is a list of byte strings in one piece of memory that is used again after reset.
type byteList struct {
	bytes []byte
	ends  []int
	list  [][]byte
}

func (l *byteList) reset() { l.bytes, l.ends = l.bytes[:0], l.ends[:0] }

func (l *byteList) len() int { return len(l.ends) }

func (l *byteList) add(p []byte) {
	l.bytes = append(l.bytes, p...)
	l.ends = append(l.ends, len(l.bytes))
}

// slices returns the strings; they are valid until the next reset and add.
func (l *byteList) slices() [][]byte {
	l.list = slices.Grow(l.list[:0], len(l.ends))
	start := 0
	for _, end := range l.ends {
		l.list = append(l.list, l.bytes[start:end:end])
		start = end
	}
	return l.list
}
