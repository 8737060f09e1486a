package rdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// packList makes a listpack of strings and int64 values.
func packList(elements ...any) []byte {
	p := make([]byte, packHeader)
	for _, element := range elements {
		start := len(p)
		switch v := element.(type) {
		case int:
			p = binary.LittleEndian.AppendUint64(append(p, 0xf4), uint64(v))
		case string:
			switch {
			case len(v) < 64:
				p = append(p, 0x80|byte(len(v)))
			case len(v) < 4096:
				p = append(p, 0xe0|byte(len(v)>>8), byte(len(v)))
			default:
				p = binary.LittleEndian.AppendUint32(append(p, 0xf0), uint32(len(v)))
			}
			p = append(p, v...)
		}
		size := len(p) - start
		// The length is written so that it can be read from its end: seven bits a byte, the last byte first.
		for i := backLength(size) - 1; i >= 0; i-- {
			b := byte(size>>(7*i)) & 0x7f
			if i < backLength(size)-1 {
				b |= 0x80
			}
			p = append(p, b)
		}
	}
	p = append(p, packEnd)
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint16(p[4:], uint16(min(len(elements), packMany)))
	return p
}

// packIntset makes an intset of members that fit into 32 bits.
func packIntset(members ...int32) []byte {
	p := binary.LittleEndian.AppendUint32(nil, 4)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(members)))
	for _, m := range members {
		p = binary.LittleEndian.AppendUint32(p, uint32(m))
	}
	return p
}

// rawStrings makes a value of a length and strings; perElement strings count as one.
func rawStrings(perElement int, s ...string) []byte {
	p := AppendLength(nil, uint64(len(s)/perElement))
	for _, s := range s {
		p = AppendString(p, []byte(s))
	}
	return p
}

// rawStream makes a stream of version 2 of one node and one group with one pending item.
func rawStream(ms uint64, values ...string) []byte {
	id := binary.BigEndian.AppendUint64(nil, ms)
	id = binary.BigEndian.AppendUint64(id, 0)
	items := []any{len(values), 0, 1, "field", 0}
	for i, v := range values {
		items = append(items, itemSameFields, 0, i, v, 4)
	}
	p := AppendLength(nil, 1)
	p = AppendString(p, id)
	p = AppendString(p, packList(items...))
	last := uint64(len(values) - 1)
	for _, n := range []uint64{uint64(len(values)), ms, last, ms, 0, 0, 0, uint64(len(values))} {
		p = AppendLength(p, n)
	}
	p = AppendLength(p, 1) // groups
	p = AppendString(p, []byte("group"))
	for _, n := range []uint64{ms, 0, 1} {
		p = AppendLength(p, n)
	}
	p = AppendLength(p, 1) // pending
	p = append(p, id...)
	p = binary.LittleEndian.AppendUint64(p, ms+5)
	p = AppendLength(p, 3)
	p = AppendLength(p, 1) // consumers
	p = AppendString(p, []byte("consumer"))
	p = binary.LittleEndian.AppendUint64(p, ms+9)
	p = AppendLength(p, 1)
	return append(p, id...)
}

// mixedDump makes a dump of RDB version 10 with n keys in the proportions of a cache, most of the values 50 to 500 bytes.
func mixedDump(tb testing.TB, n int) []byte {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	text := func(size int) string {
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(' ' + random.IntN(90))
		}
		return string(p)
	}
	texts := func(count, size int) []string {
		list := make([]string, count)
		for i := range list {
			list[i] = fmt.Sprint(i) + text(size)
		}
		return list
	}
	anys := func(list []string) []any {
		out := make([]any, len(list))
		for i, s := range list {
			out[i] = s
		}
		return out
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, 10)
	if err != nil {
		tb.Fatal(err)
	}
	write := func(e Entry) {
		if err := w.Write(&e); err != nil {
			tb.Fatal(err)
		}
	}
	write(Entry{Kind: AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.0.15")})
	write(Entry{Kind: ResizeEntry, Keys: uint64(n), Expires: uint64(n / 5)})
	for i := range n {
		e := Entry{Key: fmt.Appendf(nil, "key:%d", i)}
		if i%5 == 0 {
			e.Expiry = 4_000_000_000_000 + int64(i)
		}
		switch c := random.IntN(100); {
		case c < 60:
			e.Type, e.Raw = TypeString, AppendString(nil, []byte(text(50+random.IntN(450))))
		case c < 75:
			e.Type, e.Raw = TypeHashListpack, AppendString(nil, packList(anys(texts(8, 25))...))
		case c < 80:
			e.Type, e.Raw = TypeHash, rawStrings(2, texts(8, 70)...)
		case c < 85:
			e.Type, e.Raw = TypeListQuicklist2, AppendString(AppendLength(AppendLength(nil, 1), 2), packList(anys(texts(10, 30))...))
		case c < 90:
			e.Type, e.Raw = TypeZSet2, AppendLength(nil, 10)
			for j, member := range texts(10, 20) {
				e.Raw = AppendString(e.Raw, []byte(member))
				e.Raw = binary.LittleEndian.AppendUint64(e.Raw, math.Float64bits(float64(j)/3))
			}
		case c < 94:
			e.Type, e.Raw = TypeSet, rawStrings(1, texts(10, 40)...)
		case c < 98:
			e.Type, e.Raw = TypeSetIntset, AppendString(nil, packIntset(1, 2, 3, 40, 500, int32(1000+i)))
		default:
			e.Type, e.Raw = TypeStream2, rawStream(1_700_000_000_000, texts(8, 30)...)
		}
		write(e)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// largeDump has a text of 5 MB, compressed and not, and lists and hashes larger than a window.
func largeDump(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, 10)
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	text := make([]byte, 5_000_000)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	many := make([]string, 40_000)
	for i := range many {
		many[i] = fmt.Sprint("element ", i)
	}
	for _, e := range []Entry{
		{Key: []byte("plain"), Type: TypeString, Raw: AppendString(nil, text), Expiry: 4_000_000_000_000},
		{Key: []byte("packed"), Type: TypeString, Raw: lzfString(text)},
		{Key: []byte("list"), Type: TypeList, Raw: rawStrings(1, many...)},
		{Key: []byte("set"), Type: TypeSet, Raw: rawStrings(1, many...)},
		{Key: []byte("hash"), Type: TypeHash, Raw: rawStrings(2, many...)},
		{Key: []byte("node"), Type: TypeListQuicklist2, Raw: AppendString([]byte{1, 1}, text)},
	} {
		if err := w.Write(&e); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// lzfString writes the text twice in LZF: each 32 bytes as they are and then as a copy of themselves.
func lzfString(text []byte) []byte {
	var packed []byte
	for i := 0; i+32 <= len(text); i += 32 {
		packed = append(append(packed, 31), text[i:i+32]...)
		packed = append(packed, 7<<5, 32-9, 31) // 32 bytes from 32 bytes back
	}
	raw := AppendLength([]byte{0xc0 | stringLZF}, uint64(len(packed)))
	raw = AppendLength(raw, uint64(len(text)/32*64))
	return append(raw, packed...)
}
