package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// valueText is a decoded value without what was lost.
func valueText(e *Entry, lost Loss) (string, error) {
	var lines []string
	err := Decode(e, func(el *Element) error {
		c := *el
		if lost&LossActive != 0 {
			c.Active = 0
		}
		if lost&LossCounts != 0 {
			c.EntriesRead, c.Stream.Added, c.Stream.MaxDeleted = 0, 0, StreamID{}
		}
		if lost&LossFieldExpiry != 0 {
			c.Expiry = 0
		}
		lines = append(lines, fmt.Sprintf("%+v", c))
		return nil
	})
	return strings.Join(lines, "\n"), err
}

// reencodeVersions are the RDB versions of Redis 3.2 to 7.4, 8.6 and Valkey 9.
var reencodeVersions = []int{7, 8, 9, 10, 11, 12, 13, 80}

// Each value of each dump, re-encoded for each version and sent as a payload, is the same value without what is named as lost.
func TestReencodeSameValue(t *testing.T) {
	dumps := []fixture{{name: "mixed", data: mixedDump(t, 300)}, {name: "large", data: largeDump(t)}}
	for _, f := range fixtures(t) {
		if _, err := scanAll(f.data, Options{}); err == nil && len(f.data) < 300_000 {
			dumps = append(dumps, f)
		}
	}
	values, again := 0, 0
	for _, f := range dumps {
		s := NewScanner(bytes.NewReader(f.data), Options{Window: 64 << 20})
		for {
			e, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(f.name, err)
			}
			if e.Kind != KeyEntry || e.Type == TypeModule2 {
				continue
			}
			values++
			versions := reencodeVersions
			if f.name == "large" { // for time
				versions = []int{9}
			}
			for _, version := range versions {
				if reencodesSame(t, f.name, e, version) {
					again++
				}
			}
		}
	}
	t.Logf("%d values, %d of them with another type", values, again)
	if again < values/3 {
		t.Error("few values were re-encoded; does the test reach them?")
	}
}

func reencodesSame(t *testing.T, name string, e *Entry, version int) bool {
	t.Helper()
	out, lost, err := Reencode(e, ReencodeOptions{Version: version})
	if errors.Is(err, ErrTarget) {
		if Loadable(e.Type, version) == nil {
			t.Errorf("%s: %s is loadable by version %d, but %v", name, e.Type, version, err)
		}
		return false
	}
	want, wantErr := valueText(e, lost)
	if wantErr != nil { // damaged on purpose
		if err == nil && out.Type != e.Type {
			t.Errorf("%s: key %q is damaged (%v), but was re-encoded as %s", name, e.Key, wantErr, out.Type)
		}
		return false
	}
	if err != nil {
		t.Fatalf("%s: key %q for version %d: %v", name, e.Key, version, err)
	}
	if out == e && lost != 0 {
		t.Errorf("%s: key %q stays as it is, but loses %s", name, e.Key, lost)
	}
	payload, err := AppendDump(nil, out, version)
	if err != nil {
		t.Fatalf("%s: key %q for version %d: %v", name, e.Key, version, err)
	}
	back, footer, err := ParseDump(payload)
	if err != nil || footer != version {
		t.Fatalf("%s: key %q for version %d: footer %d, %v", name, e.Key, version, footer, err)
	}
	got, err := valueText(back, lost)
	if err != nil || got != want {
		t.Fatalf("%s: key %q as %s for version %d (without %q) is\n%.500s %v, not\n%.500s", name, e.Key, out.Type, version, lost, got, err, want)
	}
	return out != e
}

// deletedStream is a stream of two entries, of which the first is deleted and pending, in the newest encoding, with a consumer
// that has nothing pending.
func deletedStream() *Entry {
	id := func(ms uint64) []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), 0)
	}
	raw := AppendLength(nil, 1) // nodes
	raw = AppendString(raw, id(5))
	raw = AppendString(raw, packList(1, 0, 1, "f", 0, 2, 0, 0, "v", 4))
	for _, n := range []uint64{1, 5, 0, 5, 0, 4, 0, 3, 1} { // length, last, first, largest deleted, added; groups
		raw = AppendLength(raw, n)
	}
	raw = AppendString(raw, []byte("g"))
	for _, n := range []uint64{5, 0, 3, 2} { // last delivered, read; pending
		raw = AppendLength(raw, n)
	}
	for _, ms := range []uint64{4, 5} {
		raw = append(raw, id(ms)...)
		raw = binary.LittleEndian.AppendUint64(raw, 1_700_000_000_000)
		raw = AppendLength(raw, 7)
	}
	raw = AppendLength(raw, 2)
	for i, name := range []string{"busy", "idle"} {
		raw = AppendString(raw, []byte(name))
		raw = binary.LittleEndian.AppendUint64(raw, 1_700_000_000_001)
		raw = binary.LittleEndian.AppendUint64(raw, 1_700_000_000_002)
		raw = AppendLength(raw, uint64(2-2*i))
		if i == 0 {
			raw = append(append(raw, id(4)...), id(5)...)
		}
	}
	return &Entry{Key: []byte("s"), Type: TypeStream3, Raw: raw}
}

// The pending item of a deleted entry, and all of a consumer but what the version lacks, reach Redis 5.0.
func TestReencodeDeletedPending(t *testing.T) {
	for version, want := range map[int]Loss{9: LossActive | LossCounts, 10: LossActive, 11: 0} {
		out, lost, err := Reencode(deletedStream(), ReencodeOptions{Version: version})
		if err != nil || lost != want {
			t.Errorf("version %d: lost %q, %v", version, lost, err)
			continue
		}
		text, err := valueText(out, 0)
		if err != nil || strings.Count(text, "Deliveries:7") != 2 || !strings.Contains(text, "ID:4-0") || strings.Count(text, "Seen:1700000000001") != 2 {
			t.Errorf("version %d: %v\n%s", version, err, text)
		}
	}
}

// A stream that a patched server refuses is not handed to an older one that would take it.
func TestReencodeDamaged(t *testing.T) {
	e := deletedStream()
	e.Raw[len(e.Raw)-1] = 1 // the consumer has an item pending that the other one has
	id := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 4), 0)
	e.Raw = append(e.Raw, id...)
	if out, _, err := Reencode(e, ReencodeOptions{Version: 9}); err == nil {
		t.Errorf("it is a %s", out.Type)
	}
}

func TestReencodeDropsFieldTTL(t *testing.T) {
	e := &Entry{Key: []byte("h"), Type: TypeHashTTLLP, Raw: AppendString([]byte("12345678"),
		packList("a", "1", 0, "b", "2", 1_800_000_000_000, "c", "3", 1_700_000_000_000))}
	drop := ReencodeOptions{Version: 9, DropFieldTTL: true, Now: time.UnixMilli(1_750_000_000_000)}
	out, lost, err := Reencode(e, drop)
	if err != nil || lost != LossFieldExpiry || out.Type != TypeHash {
		t.Fatal(out, lost, err)
	}
	var fields []string
	if err := Decode(out, func(el *Element) error { fields = append(fields, string(el.Bytes)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(fields, []string{"a", "b"}) { // a field that has expired must not live forever
		t.Errorf("fields %q", fields)
	}
	e.Raw = AppendString([]byte("12345678"), packList("c", "3", 1_700_000_000_000))
	if out, _, err := Reencode(e, drop); out != nil || err != nil {
		t.Error(out, err)
	}
	drop.Version = 12
	if out, lost, err := Reencode(e, drop); out != e || lost != 0 || err != nil {
		t.Error(out, lost, err)
	}
}

// Commands make a stream with a pending item of a deleted entry, on a real server.
func TestCommandsDeletedPending(t *testing.T) {
	s := startServer(t, nil)
	payload, err := AppendDump(nil, deletedStream(), 11)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := ParseDump(payload)
	if err != nil {
		t.Fatal(err)
	}
	e.Key = []byte("s")
	err = Commands(e, CommandOptions{RDBVersion: 10}, func(args [][]byte) error {
		words := make([]string, len(args))
		for i, a := range args {
			words[i] = string(a)
		}
		s.do(words...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ command, reply string }{
		{"XPENDING s g", "[2 4-0 5-0 [[busy 2]]]"}, {"XRANGE s - +", "[[5-0 [f v]]]"},
	} {
		if got := fmt.Sprint(s.do(strings.Fields(want.command)...)); got != want.reply {
			t.Errorf("%s: %s, want %s", want.command, got, want.reply)
		}
	}
	info := fmt.Sprint(s.do("XINFO", "STREAM", "s"))
	for _, want := range []string{"length 1", "last-generated-id 5-0", "max-deleted-entry-id 4-0", "entries-added 3"} {
		if !strings.Contains(info, want) {
			t.Errorf("%s is not in %s", want, info)
		}
	}
}

// Load reads a large value as a whole, and leaves one that is too large as it was.
func TestLoad(t *testing.T) {
	large := largeDump(t)
	loaded, left := 0, 0
	for limit := range 24 {
		limit := 1 << limit
		s := NewScanner(bytes.NewReader(large), Options{Window: 256})
		whole := NewScanner(bytes.NewReader(large), Options{Window: 16 << 20})
		for {
			e, err := s.Next()
			want, wantErr := whole.Next()
			if err != wantErr && (err == nil || wantErr == nil) {
				t.Fatal(err, wantErr)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != KeyEntry || e.Raw != nil {
				continue
			}
			ok, err := e.Load(limit)
			if err != nil || ok != (len(want.Raw) <= limit) {
				t.Fatalf("key %q of %d bytes, limit %d: %v, %v", e.Key, len(want.Raw), limit, ok, err)
			}
			got := e.Raw
			if ok {
				loaded++
			} else {
				left++
				if err := e.Chunks(func(p []byte) error { got = append(got, p...); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want.Raw) {
				t.Fatalf("key %q, limit %d: other bytes", e.Key, limit)
			}
		}
	}
	if loaded == 0 || left == 0 {
		t.Errorf("%d loaded, %d left", loaded, left)
	}
}

// Expiries of hash fields move with the clock of the target, in each encoding, and by commands.
func TestReencodeShift(t *testing.T) {
	const hour = 3_600_000
	list := &Entry{Key: []byte("h"), Type: TypeHashTTLLP, Raw: AppendString([]byte("12345678"), packList("a", "1", 0, "b", "2", 1_800_000_000_000, "c", "3", 1_700_000_000_000))}
	table, _, err := Reencode(list, ReencodeOptions{Version: 12, Shift: 1})
	if err != nil || table.Type != TypeHashTTL {
		t.Fatal(table, err)
	}
	valkey, _, err := Reencode(list, ReencodeOptions{Version: 80, Shift: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*Entry{table, valkey} {
		for version, want := range map[int]Type{12: TypeHashTTL, 80: TypeValkeyHashTTL} {
			out, lost, err := Reencode(e, ReencodeOptions{Version: version, Shift: -hour - 1})
			if err != nil || lost != 0 || out.Type != want {
				t.Fatal(out, lost, err)
			}
			text, err := valueText(out, 0)
			if err != nil || !strings.Contains(text, fmt.Sprint("Expiry:", 1_800_000_000_000-hour)) || !strings.Contains(text, fmt.Sprint("Expiry:", 1_700_000_000_000-hour)) {
				t.Errorf("%s: %v %s", want, err, text)
			}
		}
	}
	var sent []string
	err = Commands(list, CommandOptions{Shift: hour}, func(args [][]byte) error { sent = append(sent, fmt.Sprintf("%s", args)); return nil })
	if err != nil || !strings.Contains(fmt.Sprint(sent), "[HPEXPIREAT h 1800003600000 FIELDS 1 b]") {
		t.Errorf("%v: %s", err, sent)
	}
	plain := &Entry{Key: []byte("s"), Type: TypeString, Raw: []byte("\x01x")}
	if out, _, err := Reencode(plain, ReencodeOptions{Version: 9, Shift: hour}); out != plain || err != nil {
		t.Error(out, err)
	}
}
