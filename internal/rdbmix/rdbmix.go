// Package rdbmix makes dumps for tests and benchmarks: the mix of types that a Rails application's Redis has, always the
// same bytes for the same number of keys.
//
// Of 100 keys 60 are strings, 20 hashes, 8 sorted sets, 5 lists, 5 sets and 2 streams, in the encodings that Redis 7.0
// writes; every fifth key expires, after the year 2090. Values are of 50 to 500 bytes, half of them JSON, which the dump
// packs with LZF, and half random letters. A million keys make a file of about 300 MB.
package rdbmix

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Version is the RDB version of the dumps: that of Redis 7.0.
const Version = 10

// Write writes a dump of so many keys.
func Write(w io.Writer, keys int) error { return WriteLarge(w, keys, 0) }

// WriteLarge writes a dump of so many keys, among which some have values of 1 to 2 MB, in turn of each type.
func WriteLarge(w io.Writer, keys, large int) error {
	out, err := rdb.NewWriter(w, Version)
	if err != nil {
		return err
	}
	m := &maker{random: rand.New(rand.NewPCG(uint64(keys), 20261))}
	for _, e := range []rdb.Entry{
		{Kind: rdb.AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.0.15")},
		{Kind: rdb.AuxEntry, Key: []byte("redis-bits"), Raw: []byte("64")},
		{Kind: rdb.AuxEntry, Key: []byte("used-mem"), Raw: []byte(strconv.Itoa(keys * 490))},
		{Kind: rdb.ResizeEntry, Keys: uint64(keys), Expires: uint64((keys + 4) / 5)},
	} {
		if err := out.Write(&e); err != nil {
			return err
		}
	}
	for i := range keys {
		e := m.entry(i)
		if large > 0 && i%(keys/large) == keys/large/2 {
			m.large(i / (keys / large))
		}
		if err := out.Write(e); err != nil {
			return err
		}
	}
	return out.Close()
}

// A maker makes entries. What they hold is valid until the next one.
type maker struct {
	random *rand.Rand
	e      rdb.Entry
	key    []byte
	raw    []byte
	text   []byte
	pack   []byte
	packed []byte
	table  [1 << 13]int32 // of lzf
}

const firstExpiry = 3_800_000_000_000 // May 2090, in Unix milliseconds

func (m *maker) entry(i int) *rdb.Entry {
	m.key = strconv.AppendInt(append(m.key[:0], "app:cache:"...), int64(i), 10)
	m.e = rdb.Entry{Key: m.key}
	if i%5 == 0 {
		m.e.Expiry = firstExpiry + int64(m.random.IntN(1e9))
	}
	m.raw = m.raw[:0]
	switch c := m.random.IntN(100); {
	case c < 60:
		m.e.Type = rdb.TypeString
		m.string(m.value())
	case c < 75:
		m.e.Type = rdb.TypeHashListpack
		m.begin()
		for j := range 8 {
			m.element("field", j)
			m.item(m.letters(30 + m.random.IntN(30)))
		}
		m.end(16)
	case c < 80:
		m.e.Type = rdb.TypeHash
		m.raw = rdb.AppendLength(m.raw, 5)
		for j := range 5 {
			m.string([]byte("attribute:" + strconv.Itoa(j)))
			m.string(m.letters(70 + m.random.IntN(30)))
		}
	case c < 88:
		m.e.Type = rdb.TypeZSetListpack
		m.begin()
		for j := range 12 {
			m.element("member", j*7)
			m.item(strconv.AppendInt(nil, int64(j*1000+m.random.IntN(1000)), 10))
		}
		m.end(24)
	case c < 93:
		m.e.Type = rdb.TypeListQuicklist2
		m.begin()
		for j := range 12 {
			m.element("job-"+string(m.letters(25)), j)
		}
		m.raw = append(m.raw, 1, 2) // one node, packed
		m.end(12)
	case c < 96:
		m.e.Type = rdb.TypeSet
		m.raw = rdb.AppendLength(m.raw, 10)
		for range 10 {
			m.string(m.letters(30))
		}
	case c < 98:
		m.e.Type = rdb.TypeSetIntset
		m.intset()
	default:
		m.e.Type = rdb.TypeStream2
		m.stream()
	}
	m.e.Raw = m.raw
	return &m.e
}

// value is half the time JSON and half the time random letters.
func (m *maker) value() []byte {
	n := 50 + m.random.IntN(450)
	if m.random.IntN(2) == 0 {
		return m.letters(n)
	}
	m.text = m.text[:0]
	for len(m.text) < n {
		m.text = fmt.Appendf(m.text, `{"id":%d,"name":"user-%d","active":true,"score":%d},`, m.random.IntN(1e6), m.random.IntN(1e4), m.random.IntN(100))
	}
	return m.text
}

func (m *maker) letters(n int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	m.text = m.text[:0]
	for len(m.text) < n {
		for bits, k := m.random.Uint64(), 0; k < 10 && len(m.text) < n; k++ {
			m.text = append(m.text, alphabet[bits&63])
			bits >>= 6
		}
	}
	return m.text
}

// string appends a string as Redis writes it: packed where that is shorter.
func (m *maker) string(s []byte) {
	if len(s) > 20 {
		if packed := m.lzf(s); len(packed) < len(s)-4 {
			m.raw = rdb.AppendLength(append(m.raw, 0xc3), uint64(len(packed)))
			m.raw = append(rdb.AppendLength(m.raw, uint64(len(s))), packed...)
			return
		}
	}
	m.raw = rdb.AppendString(m.raw, s)
}

// lzf packs (the format of LibLZF: runs of up to 32 bytes, and copies of 3 to 264 bytes from up to 8 KiB back).
func (m *maker) lzf(s []byte) []byte {
	clear(m.table[:])
	out, plain := m.packed[:0], 0
	flush := func(to int) {
		for plain < to {
			n := min(32, to-plain)
			out = append(append(out, byte(n-1)), s[plain:plain+n]...)
			plain += n
		}
	}
	for i := 0; i+3 <= len(s); {
		h := (uint32(s[i])<<16 | uint32(s[i+1])<<8 | uint32(s[i+2])) * 2654435761 >> 19
		at := int(m.table[h]) - 1
		m.table[h] = int32(i + 1)
		if at < 0 || i-at > 8192 || s[at] != s[i] || s[at+1] != s[i+1] || s[at+2] != s[i+2] {
			i++
			continue
		}
		n := 3
		for i+n < len(s) && n < 264 && s[at+n] == s[i+n] {
			n++
		}
		flush(i)
		back, length := i-at-1, n-2
		if length < 7 {
			out = append(out, byte(length<<5|back>>8), byte(back))
		} else {
			out = append(out, byte(7<<5|back>>8), byte(length-7), byte(back))
		}
		i += n
		plain = i
	}
	flush(len(s))
	m.packed = out
	return out
}

// begin begins a listpack: total bytes and number of elements, filled in by end.
func (m *maker) begin() { m.pack = append(m.pack[:0], 0, 0, 0, 0, 0, 0) }

func (m *maker) element(prefix string, n int) {
	m.item(strconv.AppendInt([]byte(prefix+":"), int64(n), 10))
}

// item appends an element of a listpack of up to 4095 bytes, as a number where it is one of up to 13 bits.
func (m *maker) item(s []byte) {
	start := len(m.pack)
	if n, err := strconv.Atoi(string(s)); err == nil && n >= 0 && n < 128 {
		m.pack = append(m.pack, byte(n))
	} else if err == nil && n >= 0 && n < 4096 {
		m.pack = append(m.pack, 0xc0|byte(n>>8), byte(n))
	} else if err == nil && n >= 0 && n < 32768 {
		m.pack = append(m.pack, 0xf1, byte(n), byte(n>>8))
	} else if err == nil && n >= 0 {
		m.pack = binary.LittleEndian.AppendUint64(append(m.pack, 0xf4), uint64(n))
	} else if len(s) < 64 {
		m.pack = append(append(m.pack, 0x80|byte(len(s))), s...)
	} else {
		m.pack = append(append(m.pack, 0xe0|byte(len(s)>>8), byte(len(s))), s...)
	}
	if n := len(m.pack) - start; n < 128 {
		m.pack = append(m.pack, byte(n))
	} else {
		m.pack = append(m.pack, byte(n>>7), byte(n&127)|128)
	}
}

// end appends the listpack to the value.
func (m *maker) end(elements int) {
	m.pack = append(m.pack, 0xff)
	binary.LittleEndian.PutUint32(m.pack, uint32(len(m.pack)))
	binary.LittleEndian.PutUint16(m.pack[4:], uint16(elements))
	m.string(m.pack)
}

func (m *maker) intset() {
	const members = 12
	m.pack = binary.LittleEndian.AppendUint32(m.pack[:0], 4)
	m.pack = binary.LittleEndian.AppendUint32(m.pack, members)
	n := m.random.Uint32N(1000)
	for range members {
		n += 1 + m.random.Uint32N(100_000)
		m.pack = binary.LittleEndian.AppendUint32(m.pack, n)
	}
	m.string(m.pack)
}

// stream appends a stream of one node of four items, without groups (redis src/t_stream.c).
func (m *maker) stream() {
	const items = 4
	ms := uint64(1_700_000_000_000 + m.random.IntN(1e9))
	id := binary.BigEndian.AppendUint64(nil, ms)
	id = binary.BigEndian.AppendUint64(id, 0)
	m.raw = rdb.AppendString(rdb.AppendLength(m.raw, 1), id)
	m.begin()
	number := func(n int) { m.item(strconv.AppendInt(nil, int64(n), 10)) }
	for _, n := range []int{items, 0, 1} { // count, deleted, number of fields
		number(n)
	}
	m.item([]byte("event"))
	number(0)
	for i := range items {
		number(2) // the fields are those of the node
		number(0)
		number(i)
		m.item(m.letters(20 + m.random.IntN(30)))
		number(4)
	}
	m.end(5 + items*5)
	for _, n := range []uint64{items, ms, items - 1, ms, 0, 0, 0, items, 0} { // length, last, first, deleted, added; no groups
		m.raw = rdb.AppendLength(m.raw, n)
	}
}

// large returns the entry that was made last a large value instead.
func (m *maker) large(n int) {
	m.key = strconv.AppendInt(append(m.key[:0], "app:large:"...), int64(n), 10)
	m.e.Key = m.key
	m.raw = m.raw[:0]
	switch n % 6 {
	case 0:
		m.e.Type = rdb.TypeListQuicklist2
		const nodes = 300
		m.raw = rdb.AppendLength(m.raw, nodes)
		for i := range nodes {
			m.raw = append(m.raw, 2)
			m.begin()
			for j := range 150 {
				m.element(string(m.letters(25)), i*1000+j)
			}
			m.end(150)
		}
	case 1:
		m.e.Type = rdb.TypeHash
		const fields = 30_000
		m.raw = rdb.AppendLength(m.raw, fields)
		for i := range fields {
			m.string([]byte("field:" + strconv.Itoa(i)))
			m.string(m.letters(20))
		}
	case 2:
		m.e.Type = rdb.TypeZSet2
		const members = 40_000
		m.raw = rdb.AppendLength(m.raw, members)
		for i := range members {
			m.string([]byte("member:" + strconv.Itoa(i)))
			m.raw = binary.LittleEndian.AppendUint64(m.raw, math.Float64bits(m.random.Float64()*1e6))
		}
	case 3:
		m.e.Type = rdb.TypeSet
		const members = 50_000
		m.raw = rdb.AppendLength(m.raw, members)
		for i := range members {
			m.string(strconv.AppendInt(m.letters(20), int64(i), 10))
		}
	case 4:
		m.e.Type = rdb.TypeString
		m.string(m.letters(2_000_000))
	default:
		m.e.Type = rdb.TypeStream2
		m.longStream()
	}
	m.e.Raw = m.raw
}

// longStream has many nodes, and a group that has read half of them, with a consumer.
func (m *maker) longStream() {
	const nodes, items = 300, 100
	first := uint64(1_700_000_000_000)
	m.raw = rdb.AppendLength(m.raw, nodes)
	id := func(node, item int) []byte {
		p := binary.BigEndian.AppendUint64(nil, first+uint64(node))
		return binary.BigEndian.AppendUint64(p, uint64(item))
	}
	number := func(n int) { m.item(strconv.AppendInt(nil, int64(n), 10)) }
	for node := range nodes {
		m.raw = rdb.AppendString(m.raw, id(node, 0))
		m.begin()
		for _, n := range []int{items, 0, 1} {
			number(n)
		}
		m.item([]byte("event"))
		number(0)
		for i := range items {
			number(2)
			number(0)
			number(i)
			m.item(m.letters(40))
			number(4)
		}
		m.end(5 + items*5)
	}
	for _, n := range []uint64{nodes * items, first + nodes - 1, items - 1, first, 0, 0, 0, nodes * items, 1} {
		m.raw = rdb.AppendLength(m.raw, n)
	}
	m.raw = rdb.AppendString(m.raw, []byte("workers"))
	for _, n := range []uint64{first + nodes/2, 0, nodes/2*items + 1, 2} { // last delivered, entries read; pending
		m.raw = rdb.AppendLength(m.raw, n)
	}
	pending := [][]byte{id(3, 1), id(4, 2)}
	for _, p := range pending {
		m.raw = binary.LittleEndian.AppendUint64(append(m.raw, p...), first)
		m.raw = rdb.AppendLength(m.raw, 1)
	}
	m.raw = rdb.AppendString(rdb.AppendLength(m.raw, 1), []byte("worker-1"))
	m.raw = binary.LittleEndian.AppendUint64(m.raw, first)
	m.raw = rdb.AppendLength(m.raw, uint64(len(pending)))
	for _, p := range pending {
		m.raw = append(m.raw, p...)
	}
}
