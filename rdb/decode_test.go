package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// describe writes an element as a line.
func describe(el *Element) string {
	switch el.Kind {
	case StringChunk, ListItem, SetMember:
		return fmt.Sprintf("%q", el.Bytes)
	case ZSetMember:
		return fmt.Sprintf("%q %v", el.Bytes, el.Score)
	case HashField:
		return fmt.Sprintf("%q=%q %d", el.Bytes, el.Value, el.Expiry)
	case StreamItem:
		return fmt.Sprintf("%s %q", el.ID, el.Fields)
	case StreamState:
		return fmt.Sprintf("state %+v", el.Stream)
	case StreamGroup:
		return fmt.Sprintf("group %q %s read=%d", el.Bytes, el.ID, el.EntriesRead)
	case StreamConsumer:
		return fmt.Sprintf("consumer %q %d %d", el.Bytes, el.Seen, el.Active)
	case StreamPending:
		return fmt.Sprintf("pending %s %d %d", el.ID, el.Delivered, el.Deliveries)
	}
	return "unknown kind"
}

// packZip makes a ziplist of elements that are given as their encoding and data.
func packZip(elements ...string) []byte {
	p := make([]byte, 10)
	for _, e := range elements {
		p = append(append(p, 0), e...)
	}
	p = append(p, packEnd)
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint16(p[8:], uint16(len(elements)))
	return p
}

// packEntries makes a listpack of elements that are given as their encoding and data, each shorter than 128 bytes.
func packEntries(elements ...string) []byte {
	p := make([]byte, packHeader)
	for _, e := range elements {
		p = append(append(p, e...), byte(len(e)))
	}
	p = append(p, packEnd)
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint16(p[4:], uint16(len(elements)))
	return p
}

func le(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// join puts the parts of a value together: lengths, strings with their length, and bytes as they are.
func join(parts ...any) []byte {
	var p []byte
	for _, part := range parts {
		switch v := part.(type) {
		case int:
			p = AppendLength(p, uint64(v))
		case string:
			p = AppendString(p, []byte(v))
		case []byte:
			p = append(p, v...)
		default:
			panic(fmt.Sprintf("part of type %T", part))
		}
	}
	return p
}

func id(ms, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq)
}

func blob(p []byte) []byte { return AppendString(nil, p) }

// fullStream is a stream of any version with two nodes, a deleted item, two groups, and two consumers of one of them.
func fullStream(t Type) []byte {
	const same, own = itemSameFields, 0
	p := join(2,
		string(id(1000, 5)), blob(packList(2, 1, 2, "a", "b", 0,
			same, 0, 0, "1", "2", 5,
			same|itemDeleted, 0, 1, "gone", "gone", 5,
			own, 7, -5, 1, "other", 300, 6)),
		string(id(2000, 0)), blob(packList(1, 0, 1, "c", 0, same, 0, 0, "3", 4)),
		3, 2000, 0)
	newer := t != TypeStream
	if newer {
		p = join(p, 1000, 5, 1000, 6, 4)
	}
	p = join(p, 2, "idle", 0, 0)
	if newer {
		p = binary.BigEndian.AppendUint64(append(p, length64), math.MaxUint64) // not known
	}
	p = join(p, 0, 0, "busy", 1007, 0)
	if newer {
		p = join(p, 2)
	}
	p = join(p, 2, id(1000, 5), le(111), 1, id(1007, 0), le(222), 9)
	p = join(p, 2, "ann", le(333))
	if t == TypeStream3 {
		p = join(p, le(-1))
	}
	p = join(p, 1, id(1007, 0), "bob", le(444))
	if t == TypeStream3 {
		p = join(p, le(440))
	}
	return join(p, 1, id(1000, 5))
}

var values = []struct {
	name string
	typ  Type
	raw  []byte
	want string // the elements, one a line
}{
	{"plain", TypeString, join("hello"), `"hello"`},
	{"empty", TypeString, join(""), `""`},
	{"int8", TypeString, []byte{0xc0, 0x85}, `"-123"`},
	{"int16", TypeString, []byte{0xc1, 0x39, 0x30}, `"12345"`},
	{"int32", TypeString, []byte{0xc2, 0, 0, 0, 0x80}, `"-2147483648"`},
	{"packed, overlapping", TypeString, []byte{0xc3, 5, 10, 0, 'a', 0xe0, 0, 0}, `"aaaaaaaaaa"`},
	{"packed, far copy", TypeString, []byte{0xc3, 6, 6, 2, 'a', 'b', 'c', 0x20, 2}, `"abcabc"`},
	{"list", TypeList, join(3, "a", []byte{0xc0, 7}, "b"), "\"a\"\n\"7\"\n\"b\""},
	{"set", TypeSet, join(1, "m"), `"m"`},
	{"zset", TypeZSet, join(4, "a", []byte("\x031.5"), "b", []byte{scorePlus}, "c", []byte{scoreMinus}, "d", []byte("\x051e999")), "\"a\" 1.5\n\"b\" +Inf\n\"c\" -Inf\n\"d\" +Inf"},
	{"zset2", TypeZSet2, join(2, "a", le(int64(math.Float64bits(0.1))), "b", le(int64(math.Float64bits(-3)))), "\"a\" 0.1\n\"b\" -3"},
	{"hash", TypeHash, join(2, "f", "v", "g", "w"), "\"f\"=\"v\" 0\n\"g\"=\"w\" 0"},
	{"zipmap", TypeHashZipmap, blob([]byte("\x02\x01f\x03\x02val__\xfe\x01\x00\x00\x00g\x00\x00\xff")), "\"f\"=\"val\" 0\n\"g\"=\"\" 0"},
	{"ziplist", TypeListZiplist, blob(packZip("\x02ab", "\x40\x03xyz", "\x80\x00\x00\x00\x01q", "\xc0\xff\xff", "\xd0\x00\x00\x00\x80", "\xe0\x00\x00\x00\x00\x00\x00\x00\x80", "\xf0\xff\xff\x7f", "\xfe\x80", "\xf1", "\xfd")),
		"\"ab\"\n\"xyz\"\n\"q\"\n\"-1\"\n\"-2147483648\"\n\"-9223372036854775808\"\n\"8388607\"\n\"-128\"\n\"0\"\n\"12\""},
	{"intset of 16 bits", TypeSetIntset, blob([]byte("\x02\x00\x00\x00\x02\x00\x00\x00\xff\xff\x05\x00")), "\"-1\"\n\"5\""},
	{"intset of 32 bits", TypeSetIntset, blob(packIntset(-70000, 3)), "\"-70000\"\n\"3\""},
	{"intset of 64 bits", TypeSetIntset, blob([]byte("\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00")), `"4294967296"`},
	{"zset ziplist", TypeZSetZiplist, blob(packZip("\x01a", "\xf3", "\x01b", "\x04-inf")), "\"a\" 2\n\"b\" -Inf"},
	{"hash ziplist", TypeHashZiplist, blob(packZip("\x01f", "\xfe\x09")), `"f"="9" 0`},
	{"quicklist", TypeListQuicklist, join(2, blob(packZip("\x01a", "\x01b")), blob(packZip("\xf2"))), "\"a\"\n\"b\"\n\"1\""},
	{"quicklist2", TypeListQuicklist2, join(2, 2, blob(packEntries("\x05", "\x81x")), 1, "plain"), "\"5\"\n\"x\"\n\"plain\""},
	{"hash listpack", TypeHashListpack, blob(packEntries("\x81f", "\xc0\x7f", "\x81g", "\xdf\xff")), "\"f\"=\"127\" 0\n\"g\"=\"-1\" 0"},
	{"zset listpack", TypeZSetListpack, blob(packEntries("\x81m", "\x832.5")), `"m" 2.5`},
	{"set listpack", TypeSetListpack, blob(packEntries("\xe0\x02ab", "\xf0\x01\x00\x00\x00c", "\xf1\x00\x80", "\xf2\xff\xff\xff", "\xf3\x00\x00\x00\x80", "\xf4\x01\x00\x00\x00\x00\x00\x00\x80")),
		"\"ab\"\n\"c\"\n\"-32768\"\n\"-1\"\n\"-2147483648\"\n\"-9223372036854775807\""},
	{"hash with expiry, preview", TypeHashTTLPreGA, join(2, 0, "f", "v", 1700, "g", "w"), "\"f\"=\"v\" 0\n\"g\"=\"w\" 1700"},
	{"hash with expiry", TypeHashTTL, join(le(1700), 3, 0, "f", "v", 1, "g", "w", 11, "h", "x"), "\"f\"=\"v\" 0\n\"g\"=\"w\" 1700\n\"h\"=\"x\" 1710"},
	{"listpack with expiry, preview", TypeHashTTLLPPreGA, blob(packEntries("\x81f", "\x81v", "\x00")), `"f"="v" 0`},
	{"listpack with expiry", TypeHashTTLLP, join(le(1700), blob(packEntries("\x81g", "\x81w", "\xf1\xa4\x06", "\x81f", "\x81v", "\x00"))), "\"g\"=\"w\" 1700\n\"f\"=\"v\" 0"},
	{"Valkey hash with expiry", TypeValkeyHashTTL, join(2, "f", "v", le(-1), "g", "w", le(1700)), "\"f\"=\"v\" 0\n\"g\"=\"w\" 1700"},
	{"stream", TypeStream, fullStream(TypeStream), streamText("{Length:3 Last:2000-0 MaxDeleted:0-0 Added:3}", -1, -1, -1)},
	{"stream 2", TypeStream2, fullStream(TypeStream2), streamText("{Length:3 Last:2000-0 MaxDeleted:1000-6 Added:4}", 2, -1, -1)},
	{"stream 3", TypeStream3, fullStream(TypeStream3), streamText("{Length:3 Last:2000-0 MaxDeleted:1000-6 Added:4}", 2, -1, 440)},
}

func streamText(state string, read, annActive, bobActive int) string {
	return fmt.Sprintf(`1000-5 ["a" "1" "b" "2"]
1007-0 ["other" "300"]
2000-0 ["c" "3"]
state %s
group "idle" 0-0 read=-1
group "busy" 1007-0 read=%d
consumer "ann" 333 %d
pending 1007-0 222 9
consumer "bob" 444 %d
pending 1000-5 111 1`, state, read, annActive, bobActive)
}

func TestDecode(t *testing.T) {
	seen := map[Type]bool{}
	for _, tt := range values {
		seen[tt.typ] = true
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if err := Decode(&Entry{Type: tt.typ, Raw: tt.raw}, func(el *Element) error {
				got = append(got, describe(el))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(got, "\n"); text != tt.want {
				t.Errorf("got\n%s\nwant\n%s", text, tt.want)
			}
			// Every part is needed, and nothing may follow.
			for n := range tt.raw {
				if err := Decode(&Entry{Type: tt.typ, Raw: tt.raw[:n:n]}, func(*Element) error { return nil }); err == nil {
					t.Errorf("the first %d of %d bytes are a value", n, len(tt.raw))
				}
			}
			if err := Decode(&Entry{Type: tt.typ, Raw: append(slices.Clone(tt.raw), 0)}, func(*Element) error { return nil }); err == nil {
				t.Error("a byte after the value is not seen")
			}
			stop := errors.New("stop")
			if err := Decode(&Entry{Type: tt.typ, Raw: tt.raw}, func(*Element) error { return stop }); err != stop {
				t.Errorf("the error of the function comes back as %v", err)
			}
		})
	}
	for i := range types {
		typ := Type(i)
		if typ.Kind() != "" && typ != TypeModule2 && !seen[typ] {
			t.Errorf("%s is not tried", typ)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		typ  Type
		raw  []byte
		want string
	}{
		{"module", TypeModule2, []byte{0}, `rdb: offset 100: values of module "ReJSON-RL" cannot be decoded; restore them to a server with the module`},
		{"unknown", 30, []byte{0}, "rdb: offset 100: unknown type 30"},
		{"too long", TypeString, []byte("\x01ab"), "rdb: offset 102: 1 unexpected bytes after the value"},
		{"too short", TypeString, []byte("\x03ab"), "rdb: offset 103: unexpected end of data, at least 1 byte missing; the dump is truncated or damaged"},
		{"NaN", TypeZSet, []byte("\x01\x01m\xfd"), "rdb: offset 104: invalid score"},
		{"no score", TypeZSet, []byte("\x01\x01m\x01x"), `rdb: offset 105: invalid score "x"`},
		{"packed NaN", TypeZSetListpack, blob(packEntries("\x81m", "\x83nan")), "rdb: offset 100: damaged packed elements: invalid score"},
		{"odd", TypeHashListpack, blob(packEntries("\x81m")), "rdb: offset 100: damaged packed elements: the last element is incomplete"},
		{"listpack size", TypeSetListpack, blob([]byte("\x08\x00\x00\x00\x00\x00\xff")), "rdb: offset 100: damaged packed elements: wrong size in the header"},
		{"listpack count", TypeSetListpack, blob([]byte("\x07\x00\x00\x00\x01\x00\xff")), "rdb: offset 100: damaged packed elements: wrong number of elements in the header"},
		{"listpack more", TypeSetListpack, blob([]byte("\x09\x00\x00\x00\x00\x00\x01\x01\xff")), "rdb: offset 100: damaged packed elements: wrong number of elements in the header"},
		{"listpack entry", TypeSetListpack, blob(packEntries("\x8fabc")), "rdb: offset 100: damaged packed elements: an element has an unknown encoding or exceeds the end"},
		{"ziplist entry", TypeListZiplist, blob(packZip("\x80\xff\xff\xff\xff")), "rdb: offset 100: damaged packed elements: an element has an unknown encoding or exceeds the end"},
		{"ziplist encoding", TypeListZiplist, blob(packZip("\xff")), "rdb: offset 100: damaged packed elements: an element has an unknown encoding or exceeds the end"},
		{"ziplist count", TypeListZiplist, blob([]byte("\x0b\x00\x00\x00\x0a\x00\x00\x00\x02\x00\xff")), "rdb: offset 100: damaged packed elements: wrong number of elements in the header"},
		{"intset width", TypeSetIntset, blob([]byte("\x03\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00")), "rdb: offset 100: damaged packed elements: unknown integer width"},
		{"intset size", TypeSetIntset, blob([]byte("\x02\x00\x00\x00\xff\xff\xff\xff\x01\x00")), "rdb: offset 100: damaged packed elements: wrong size in the header"},
		{"zipmap", TypeHashZipmap, blob([]byte("\x01\x05f\xff")), "rdb: offset 100: damaged packed elements: an element has an unknown encoding or exceeds the end"},
		{"list node", TypeListQuicklist2, []byte{1, 3, 0}, "rdb: offset 102: unknown list node type 3"},
		{"field expiry", TypeHashTTLLPPreGA, blob(packEntries("\x81f", "\x81v", "\xdf\xff")), "rdb: offset 100: damaged packed elements: invalid field expiry"},
		{"field expiry overflow", TypeHashTTL, join(le(-5), 1, 1, "f", "v"), "rdb: offset 110: invalid field expiry"},
		{"node ID", TypeStream, join(1, "short", blob(nil)), "rdb: offset 101: the ID of a stream node does not have 16 bytes"},
		{"stream item", TypeStream, join(1, string(id(1, 1)), blob(packList(1, 0, 0, 0, 0, 0, 0, 99))), "rdb: offset 118: damaged packed elements: incomplete stream entry"},
		{"negative fields", TypeStream, join(1, string(id(1, 1)), blob(packList(1, 0, -1))), "rdb: offset 118: damaged packed elements: a stream entry has a negative number of fields"},
		{"text for a number", TypeStream, join(1, string(id(1, 1)), blob(packList("x"))), "rdb: offset 118: damaged packed elements: expected an integer"},
		{"pending twice", TypeStream, join(0, 0, 0, 0, 1, "g", 0, 0, 2, id(1, 1), le(0), 1, id(1, 1), le(0), 1), "rdb: offset 160: the pending entries of a group are unsorted"},
		{"pending nowhere", TypeStream, join(0, 0, 0, 0, 1, "g", 0, 0, 0, 1, "c", le(0), 1, id(1, 1)), "rdb: offset 138: entry 1-1 is pending for a consumer but not in its group"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode(&Entry{Type: tt.typ, Raw: tt.raw, Module: "ReJSON-RL", ValueOffset: 100}, func(*Element) error { return nil })
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Values larger than the window give the same elements as those inside of it.
func TestDecodeStreamed(t *testing.T) {
	data := append(mixedDump(t, 300), 0)
	elements := func(window int) (lines []string) {
		s := NewScanner(strings.NewReader(string(data)), Options{Window: window})
		for {
			e, err := s.Next()
			if err != nil {
				return append(lines, err.Error())
			}
			if err := Decode(e, func(el *Element) error { lines = append(lines, describe(el)); return nil }); e.Kind == KeyEntry && err != nil {
				t.Fatal(err)
			}
		}
	}
	if want, got := elements(1<<20), elements(minWindow); !reflect.DeepEqual(got, want) {
		t.Errorf("%d elements through a small window, %d through a large one", len(got), len(want))
	}
}
