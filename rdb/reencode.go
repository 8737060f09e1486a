package rdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Reencode gives an entry that a dump of the version can hold and that has the same value: e itself where its type is one
// that the version has, else one in an older type, such as a hash table for a listpack. Of a stream, only the
// bookkeeping is lost that the older type has no place for: how many items were ever added and read, the last deleted ID,
// when consumers were last active. Its value is in memory as a whole.
//
// What no type of the version can say ends with [ErrTarget]: streams before 9, functions before 10, modules before 8,
// fields with an expiry before 12.
func Reencode(e *Entry, version int) (*Entry, error) {
	if e.Kind != KeyEntry {
		if e.Kind == FunctionEntry && version < 10 {
			return nil, cannotHold(e, version, "functions", 10)
		}
		return e, nil
	}
	if fits(e.Type, version) {
		return e, nil
	}
	to, ok := olderType(e.Type, version)
	if !ok {
		return nil, cannotHold(e, version, "a "+e.Type.String(), e.Type.Since())
	}
	out := *e
	out.Type, out.from = to, nil
	var err error
	if e.Type.Kind() == "stream" {
		out.Raw, err = olderStream(e, to)
	} else {
		out.Raw, err = reencodeElements(e, to)
	}
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// fits says whether a dump of the version can hold the type.
func fits(t Type, version int) bool {
	same, wrong := typeOf(t.Byte(), version)
	return t.Since() > 0 && t.Since() <= version && wrong == "" && same == t
}

func cannotHold(e *Entry, version int, what string, since int) error {
	server := "Redis"
	if since >= minValkeyVersion {
		server = "Valkey"
	}
	return &Error{e.Offset, fmt.Sprintf("a dump of RDB version %d cannot hold %s; that needs version %d of %s", version, what, since, server), ErrTarget}
}

// olderType gives the newest type that the version has for values of a type that it has not.
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
		if t.fieldExpiry() {
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

// reencodeElements writes the elements of a value that is no stream one by one.
func reencodeElements(e *Entry, to Type) ([]byte, error) {
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
				first = min(first, el.Expiry)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	err := Decode(e, func(el *Element) error {
		n++
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

// wholeValue gives the entry with all of its value in memory.
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

// olderStream writes the same nodes, groups and consumers without what the older type has no place for. The layouts are
// those of skipValue.
func olderStream(e *Entry, to Type) ([]byte, error) {
	whole, err := wholeValue(e)
	if err != nil {
		return nil, err
	}
	c := streamCopier{w: &window{buf: whole.Raw, end: len(whole.Raw), base: whole.ValueOffset}}
	c.stream(e.Type, to)
	return c.out, c.err
}

// A streamCopier copies parts of a value, and leaves out others. After an error it does nothing.
type streamCopier struct {
	w   *window
	out []byte
	err error
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

// count copies a length and gives it.
func (c *streamCopier) count() (n uint64) {
	if c.err != nil {
		return 0
	}
	start := c.w.pos
	if n, c.err = c.w.count(); c.err == nil {
		c.out = append(c.out, c.w.buf[start:c.w.pos]...)
	}
	return n
}

// list copies a length and as many elements.
func (c *streamCopier) list(element layout) {
	for n := c.count(); n > 0 && c.err == nil; n-- {
		c.part(element, true)
	}
}

func (c *streamCopier) stream(from, to Type) {
	c.list("ss")
	c.part("nnn", true)
	if from != TypeStream {
		c.part("nnnnn", to != TypeStream)
	}
	for groups := c.count(); groups > 0 && c.err == nil; groups-- {
		c.part("snn", true)
		if from != TypeStream {
			c.part("n", to != TypeStream)
		}
		c.list("888n")
		for consumers := c.count(); consumers > 0 && c.err == nil; consumers-- {
			c.part("s8", true)
			if from == TypeStream3 {
				c.part("8", to == TypeStream3)
			}
			c.list("88")
		}
	}
}
