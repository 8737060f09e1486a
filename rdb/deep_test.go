package rdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// makeValues makes values of every encoding that servers since 7.0 write. They are the same in every run: tables, whose order is
// random in a server, and times are written here.
func makeValues(s *server) map[string]*Entry {
	long := strings.Repeat("long", 40)
	s.do("SET", "string", long)
	s.do("RPUSH", "list", "a", "1", "-70000", long, "5000000000")
	s.do("SADD", "intset", "1", "2", "300", "70000")
	s.do("HSET", "hash", "f", "1", "g", long[:50], "h", "77", "i", "-3")
	s.do("ZADD", "zset", "1", "a", "2.5", "b", "-3", "c")
	for i := range 6 {
		s.do("XADD", "stream", fmt.Sprintf("%d-0", i+1), "field", fmt.Sprint(i), "other", "x")
	}
	s.do("XADD", "stream", "7-0", "single", "1")
	s.do("XDEL", "stream", "3-0")
	values := map[string]*Entry{
		"set table":    {Kind: KeyEntry, Type: TypeSet, Raw: rawStrings(1, "a", "b", long)},
		"hash table":   {Kind: KeyEntry, Type: TypeHash, Raw: rawStrings(2, "f", long, "g", "2")},
		"zset table":   {Kind: KeyEntry, Type: TypeZSet2, Raw: []byte("\x02\x01a\x00\x00\x00\x00\x00\x00\x00\x40\x01b\x00\x00\x00\x00\x00\x00\xf0\x3f")},
		"stream group": {Kind: KeyEntry, Type: TypeStream2, Raw: rawStream(1, "a", "b", "c")},
	}
	for _, key := range []string{"string", "list", "intset", "hash", "zset", "stream"} {
		e, _, err := ParseDump([]byte(s.do("DUMP", key).(string)))
		if err != nil {
			s.t.Fatal(err)
		}
		values[key] = e
	}
	return values
}

// overlooked are the damages that Check finds and RESTORE of Redis 7.0 does not, each by a part of its message.
var overlooked = []string{
	"bytes after the value",         // RESTORE does not look for more data after a value
	"unexpected end of data",        // a string that is too long goes on in the version and checksum of the payload
	"expected a length",             // the server reads the number of a string encoding as a length
	"does not decompress to 0 byte", // 0 is also what LZF returns for an error, and the value becomes empty
	"invalid score",                 // strtod stops at the first wrong byte, and the score becomes another one
}

// Check agrees with a server that trusts no payload, on values of which one or two bytes were changed: what the server refuses
// is found, and what it takes is right, apart from damage that the server overlooks. In streams Check finds more.
func TestCheckLikeServer(t *testing.T) {
	s := startServer(t, nil)
	s.do("CONFIG", "SET", "sanitize-dump-payload", "yes")
	values := makeValues(s)
	random := rand.New(rand.NewPCG(5, 6))
	refused, n := 0, 0
	for _, key := range slices.Sorted(maps.Keys(values)) {
		original := *values[key]
		if err := Check(&original); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for range 500 {
			e := original
			e.Raw = bytes.Clone(original.Raw)
			for range 1 + random.IntN(2) {
				e.Raw[random.IntN(len(e.Raw))] = []byte{0, 1, 0xff, byte(random.Uint32())}[random.IntN(4)]
			}
			payload, err := AppendDump(nil, &e, 10)
			if err != nil {
				t.Fatal(err)
			}
			n++
			_, refusal := s.try("RESTORE", fmt.Sprint(key, n), "0", string(payload))
			if refusal != nil {
				refused++
			}
			switch wrong := Check(&e); {
			case refusal != nil && wrong == nil && !isEmptyValue(&e): // RESTORE refuses what is empty
				t.Errorf("%s: the server refuses it (%v), but Check finds nothing: %q", key, refusal, e.Raw)
			case refusal == nil && wrong != nil && e.Type.Kind() != "stream" &&
				!slices.ContainsFunc(overlooked, func(part string) bool { return strings.Contains(wrong.Error(), part) }):
				t.Errorf("%s: the server takes it, but Check finds %v: %q", key, wrong, e.Raw)
			}
		}
	}
	if refused < n/10 || refused > n*9/10 {
		t.Errorf("the server refuses %d of %d", refused, n)
	}
	t.Logf("%d of %d refused", refused, n)
}

func isEmptyValue(e *Entry) bool {
	empty := true
	err := Decode(e, func(*Element) error { empty = false; return nil })
	return err == nil && empty
}

// Dumps that servers load are without a finding.
func TestCheckFixtures(t *testing.T) {
	for _, f := range fixtures(t) {
		if !f.loads && f.version < 11 {
			continue
		}
		s := NewScanner(bytes.NewReader(f.data), Options{Rest: true})
		for {
			e, err := s.Next()
			if err != nil {
				break
			}
			if e.Kind != KeyEntry || e.Module != "" {
				continue
			}
			if err := Check(e); err != nil {
				t.Errorf("%s: key %q: %v", f.name, e.Key, err)
			}
		}
	}
}

// The shape of CVE-2026-63639 (redis#15081): two consumers share a pending item, or one has it twice.
func TestSharedPending(t *testing.T) {
	s := startServer(t, nil)
	s.do("CONFIG", "SET", "sanitize-dump-payload", "yes")
	head := rawStream(1, "a", "b") // items 1-0 and 1-1
	head = head[:bytes.Index(head, []byte("\x05group"))-1]
	id := func(seq byte) []byte {
		return append(binary.BigEndian.AppendUint64(nil, 1), 0, 0, 0, 0, 0, 0, 0, seq)
	}
	stream := func(group []byte, consumers ...[]byte) *Entry {
		raw := append(bytes.Clone(head), "\x01\x05group\x01\x01\x02"...)
		raw = append(raw, byte(len(group)))
		for _, seq := range group {
			raw = append(append(raw, id(seq)...), "\x00\x00\x00\x00\x00\x00\x00\x00\x01"...) // delivered at 0, once
		}
		raw = append(raw, byte(len(consumers)))
		for i, items := range consumers {
			raw = append(raw, 1, 'a'+byte(i))
			raw = append(append(raw, "\x00\x00\x00\x00\x00\x00\x00\x00"...), byte(len(items)))
			for _, seq := range items {
				raw = append(raw, id(seq)...)
			}
		}
		return &Entry{Kind: KeyEntry, Type: TypeStream2, Raw: raw}
	}
	for _, tt := range []struct {
		name string
		e    *Entry
		want string
	}{
		{"right", stream([]byte{0, 1}, []byte{1}, []byte{0}), ""},
		{"shared", stream([]byte{0}, []byte{0}, []byte{0}), "entry 1-0 is pending twice"},
		{"twice on one", stream([]byte{0}, []byte{0, 0}), "entry 1-0 is pending twice"},
		{"on none", stream([]byte{0, 1}, []byte{0}), "entry 1-1 is pending in a group, but for none of its consumers"},
		{"not in the group", stream([]byte{0}, []byte{0}, []byte{1}), "entry 1-1 is pending for a consumer but not in its group"},
	} {
		// Servers refuse all but what two consumers share, which only patched ones do.
		if payload, err := AppendDump(nil, tt.e, 10); err != nil {
			t.Fatal(err)
		} else if _, refusal := s.try("RESTORE", tt.name, "0", string(payload)); tt.name != "shared" && (refusal == nil) != (tt.want == "") {
			t.Errorf("%s: RESTORE: %v", tt.name, refusal)
		}
		for _, err := range []error{Check(tt.e), Decode(tt.e, func(*Element) error { return nil })} {
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
}

func TestDuplicates(t *testing.T) {
	for _, tt := range []struct {
		t    Type
		raw  []byte
		want string
	}{
		{TypeSet, rawStrings(1, "a", "b", "a"), `duplicate member "a"`},
		{TypeHash, []byte("\x02\x01a\x011\x01a\x012"), `duplicate field "a"`},
		{TypeZSet2, []byte("\x02\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\xf0\x3f"), `duplicate member "a"`},
		{TypeHashListpack, AppendString(nil, packList("a", 1, "a", 2)), `duplicate field "a"`},
		{TypeSetIntset, AppendString(nil, packIntset(1, 1)), "unsorted intset members"},
		{TypeSetIntset, AppendString(nil, packIntset(2, 1)), "unsorted intset members"},
		{TypeList, rawStrings(1, "a", "a"), ""},
	} {
		err := Check(&Entry{Kind: KeyEntry, Type: tt.t, Raw: tt.raw})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.t, err, tt.want)
		}
	}
}
