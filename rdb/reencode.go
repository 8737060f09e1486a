package rdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Loss is what a value loses when [Reencode] gives it an older encoding. Several are added up by |.
type Loss uint8

// The losses. All but LossFieldExpiry are bookkeeping that no server of the version has.
const (
	LossActive      Loss = 1 << iota // when consumers of a stream were last active (since RDB version 11)
	LossCounts                       // how many items a stream ever had, its largest deleted ID, and how many a group has read (since 10)
	LossUse                          // idle time or frequency of use (since 9)
	LossFieldExpiry                  // when fields of a hash expire; only with ReencodeOptions.DropFieldTTL
)

// Losses are all of them, in order.
func Losses() []Loss { return []Loss{LossActive, LossCounts, LossUse, LossFieldExpiry} }

// String names what is lost.
func (l Loss) String() string {
	var list []string
	for i, name := range []string{"the active time of stream consumers", "stream counters (entries added, entries read, largest deleted ID)",
		"the idle time or use frequency (LRU, LFU)", "the expiry of hash fields"} {
		if l&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// ReencodeOptions of [Reencode].
type ReencodeOptions struct {
	Version int // RDB version of the server that is to load the value
	// DropFieldTTL writes a hash whose fields expire as one whose fields do not, where Version has no field expiry. Fields
	// that have expired at Now are left out.
	DropFieldTTL bool
	Now          time.Time
	// Shift is added to the expiry of hash fields, in milliseconds. A hash whose fields expire is then always re-encoded.
	Shift int64
}

// shifted returns the expiry of a field in the clock of the target; what was before 1970 is 1.
func shifted(at, shift int64) int64 {
	if at == 0 {
		return 0
	}
	return max(at+shift, 1)
}

// Reencode returns an entry that a server of an RDB version loads and that has the same value: e itself where the version has
// its type, else one in an older type. Listpacks become the ziplists that servers had before 7.0. The other older types are
// the plain ones (list, set, hash, sorted set with binary scores), which every server loads and turns into its own compact
// encoding (rdbLoadObject of redis src/rdb.c, from 2.6 to 8.x, and of valkey src/rdb.c), and for streams those of Redis 5.0
// and 7.0, node by node, so that pending items, also of deleted entries, consumers and their times stay. What is lost all the same is the [Loss]. The value is in memory as a whole.
// With DropFieldTTL the entry is nil where all fields have expired.
//
// The first version that loads a type is [Type.Since] (RDB_TYPE_* in redis src/rdb.h by tag: 10 adds listpacks,
// quicklist2 and stream version 2; 11 set listpacks and stream version 3; 12 field expiry; in valkey src/rdb.h, 80 adds
// its own field expiry). What no type of the version can hold is an [ErrTarget]: streams before 9, functions before 10,
// modules before 8, fields with an expiry before 12.
func Reencode(e *Entry, opts ReencodeOptions) (*Entry, Loss, error) {
	version := opts.Version
	if e.Kind != KeyEntry {
		if e.Kind == FunctionEntry && version < 10 {
			return nil, 0, cannotHold(e, version, "functions", 10)
		}
		return e, 0, nil
	}
	shift := opts.Shift != 0 && e.Type.FieldExpiry()
	if fits(e.Type, version) && !shift {
		return e, 0, nil
	}
	to, ok := olderType(e.Type, version)
	if !ok && opts.DropFieldTTL && e.Type.FieldExpiry() {
		to, ok = TypeHash, true
	}
	if !ok {
		return nil, 0, cannotHold(e, version, "a "+e.Type.String(), e.Type.Since())
	}
	out := *e
	out.Type, out.from = to, nil
	var err error
	var lost Loss
	switch {
	case e.Type.Kind() == "stream":
		out.Raw, lost, err = olderStream(e, to)
	case e.Type.FieldExpiry() && to == TypeHash:
		var some bool
		if out.Raw, some, err = plainHash(e, opts.Now); !some && err == nil {
			return nil, 0, nil
		}
		lost = LossFieldExpiry
	default:
		raw, packed, ok, wrong := repack(e, version)
		if out.Raw, err = raw, wrong; ok {
			out.Type = packed
		} else if err == nil {
			out.Raw, err = reencodeElements(e, to, opts.Shift)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	return &out, lost, nil
}

// Loadable reports whether servers of an RDB version load values of a type, as they are or re-encoded. The error is an
// [ErrTarget] that names the first version that does.
func Loadable(t Type, version int) error {
	if _, ok := olderType(t, version); ok || fits(t, version) {
		return nil
	}
	return cannotHold(&Entry{}, version, "a "+t.String(), t.Since())
}

// fits reports whether a dump of the version can hold the type.
func fits(t Type, version int) bool {
	same, wrong := typeOf(t.Byte(), version)
	return t.Since() > 0 && t.Since() <= version && wrong == "" && same == t
}

func cannotHold(e *Entry, version int, what string, since int) error {
	server := "Redis"
	if since >= minValkeyVersion {
		server = "Valkey"
	}
	return &Error{e.Offset, fmt.Sprintf("RDB version %d does not support %s; use version %d of %s", version, what, since, server), ErrTarget}
}

// olderType returns the newest type that the version has for values of a type that it has not.
func olderType(t Type, version int) (Type, bool) {
	var candidates []Type
	switch t.Kind() {
	case "list":
		candidates = []Type{TypeList}
	case "set":
		candidates = []Type{TypeSet}
	case "zset":
		candidates = []Type{TypeZSet2, TypeZSet}
	case "hash":
		candidates = []Type{TypeHash}
		if t.FieldExpiry() {
			candidates = []Type{TypeHashTTL, TypeValkeyHashTTL}
		}
	case "stream":
		candidates = []Type{TypeStream2, TypeStream}
	}
	for _, c := range candidates {
		if fits(c, version) {
			return c, true
		}
	}
	return 0, false
}

// plainHash writes the fields that have not expired, without their expiry.
func plainHash(e *Entry, now time.Time) (raw []byte, some bool, err error) {
	var body []byte
	var n uint64
	err = Decode(e, func(el *Element) error {
		if el.Expiry == 0 || now.IsZero() || el.Expiry > now.UnixMilli() {
			body = AppendString(AppendString(body, el.Bytes), el.Value)
			n++
		}
		return nil
	})
	return append(AppendLength(nil, n), body...), n > 0, err
}

// reencodeElements writes the elements of a value that is no stream one by one.
func reencodeElements(e *Entry, to Type, shift int64) ([]byte, error) {
	var body []byte
	var n uint64
	first := int64(math.MaxInt64)
	if to == TypeHashTTL { // says times after the first of all, which is known only at the end
		copied, err := wholeValue(e)
		if err != nil {
			return nil, err
		}
		e = copied
		if err := Decode(e, func(el *Element) error {
			if el.Expiry != 0 {
				first = min(first, shifted(el.Expiry, shift))
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	err := Decode(e, func(el *Element) error {
		n++
		el.Expiry = shifted(el.Expiry, shift)
		body = appendElement(body, el, to, first)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var raw []byte
	if to == TypeHashTTL {
		if first == math.MaxInt64 {
			first = 0 // no field has one; Redis never writes that
		}
		raw = binary.LittleEndian.AppendUint64(raw, uint64(first))
	}
	return append(AppendLength(raw, n), body...), nil
}

// appendElement appends an element in the layout of a type; first is the first expiry of all fields.
func appendElement(body []byte, el *Element, to Type, first int64) []byte {
	switch to {
	case TypeList, TypeSet:
		body = AppendString(body, el.Bytes)
	case TypeZSet2:
		body = binary.LittleEndian.AppendUint64(AppendString(body, el.Bytes), math.Float64bits(el.Score))
	case TypeZSet:
		body = appendASCIIScore(AppendString(body, el.Bytes), el.Score)
	case TypeHash:
		body = AppendString(AppendString(body, el.Bytes), el.Value)
	case TypeValkeyHashTTL:
		at := el.Expiry
		if at == 0 {
			at = -1
		}
		body = binary.LittleEndian.AppendUint64(AppendString(AppendString(body, el.Bytes), el.Value), uint64(at))
	case TypeHashTTL:
		var after uint64
		if el.Expiry != 0 {
			after = uint64(el.Expiry-first) + 1
		}
		body = AppendString(AppendString(AppendLength(body, after), el.Bytes), el.Value)
	}
	return body
}

// wholeValue returns the entry with all of its value in memory.
func wholeValue(e *Entry) (*Entry, error) {
	if e.Raw != nil {
		return e, nil
	}
	raw := []byte{}
	err := e.Chunks(func(p []byte) error {
		raw = append(raw, p...)
		return nil
	})
	out := *e
	out.Raw, out.from = raw, nil
	return &out, err
}

func appendASCIIScore(dst []byte, score float64) []byte {
	switch {
	case math.IsInf(score, 1):
		return append(dst, scorePlus)
	case math.IsInf(score, -1):
		return append(dst, scoreMinus)
	}
	text := strconv.AppendFloat(nil, score, 'g', 17, 64)
	return append(append(dst, byte(len(text))), text...)
}

// olderStream writes the same nodes, groups and consumers without what the older type has no room for. The layouts are
// those of skipValue. A damaged stream is an error: an older server may lack the checks of the one that wrote it.
func olderStream(e *Entry, to Type) ([]byte, Loss, error) {
	whole, err := wholeValue(e)
	if err != nil {
		return nil, 0, err
	}
	if err := Decode(whole, func(*Element) error { return nil }); err != nil {
		return nil, 0, err
	}
	c := streamCopier{w: &window{buf: whole.Raw, end: len(whole.Raw), base: whole.ValueOffset}}
	c.stream(e.Type, to)
	return c.out, c.lost, c.err
}

// A streamCopier copies parts of a value, and leaves out others. After an error it does nothing.
type streamCopier struct {
	w    *window
	out  []byte
	lost Loss
	err  error
}

// part reads the parts of l, and copies them if keep.
func (c *streamCopier) part(l layout, keep bool) {
	if c.err != nil {
		return
	}
	start := c.w.pos
	if c.err = c.w.skipParts(l); c.err == nil && keep {
		c.out = append(c.out, c.w.buf[start:c.w.pos]...)
	}
}

// number reads a length, and copies it if keep.
func (c *streamCopier) number(keep bool) (n uint64) {
	if c.err != nil {
		return 0
	}
	start := c.w.pos
	if n, c.err = c.w.count(); c.err == nil && keep {
		c.out = append(c.out, c.w.buf[start:c.w.pos]...)
	}
	return n
}

// list copies a length and as many elements.
func (c *streamCopier) list(element layout) {
	for n := c.number(true); n > 0 && c.err == nil; n-- {
		c.part(element, true)
	}
}

// unknown is a number that a server writes as -1: entries read that it does not know, a consumer that was never active.
const unknown = math.MaxUint64

func (c *streamCopier) stream(from, to Type) {
	c.list("ss")
	length := c.number(true)
	c.part("nn", true)
	if from != TypeStream {
		keep := to != TypeStream
		c.part("nn", keep)
		milliseconds, sequence := c.number(keep), c.number(keep) // of the last ID that was deleted
		if added := c.number(keep); (added != length || milliseconds != 0 || sequence != 0) && !keep {
			c.lost |= LossCounts
		}
	}
	for groups := c.number(true); groups > 0 && c.err == nil; groups-- {
		c.part("snn", true)
		if from != TypeStream && c.number(to != TypeStream) != unknown && to == TypeStream {
			c.lost |= LossCounts
		}
		c.list("888n")
		for consumers := c.number(true); consumers > 0 && c.err == nil; consumers-- {
			c.part("s8", true)
			if from == TypeStream3 {
				c.active(to)
			}
			c.list("88")
		}
	}
}

// active reads the time at which a consumer was last active.
func (c *streamCopier) active(to Type) {
	at := c.w.pos
	c.part("8", to == TypeStream3)
	if c.err == nil && to != TypeStream3 && binary.LittleEndian.Uint64(c.w.buf[at:]) != unknown {
		c.lost |= LossActive
	}
}
