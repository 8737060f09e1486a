package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// meaning returns keys with their decoded values as text, without what Reencode may lose. Redis sorts neither sets nor
// hashes, so the order of elements stays.
func meaning(t *testing.T, data []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	s := NewScanner(bytes.NewReader(data), Options{})
	for {
		e, err := s.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != KeyEntry {
			continue
		}
		name := fmt.Sprintf("%d %q %s %d", e.DB, e.Key, e.Type.Kind(), e.Expiry)
		var b strings.Builder
		err = Decode(e, func(el *Element) error {
			c := *el
			c.Stream.MaxDeleted, c.Stream.Added, c.EntriesRead, c.Active = StreamID{}, 0, 0, 0
			fmt.Fprintf(&b, "%+v\n", c)
			return nil
		})
		if err != nil { // of a module, or damaged on purpose
			b.WriteString(errors.Unwrap(err).Error())
		}
		out[name] = b.String()
	}
}

func convert(t *testing.T, data []byte, opts CopyOptions) ([]byte, CopyStats) {
	t.Helper()
	var out bytes.Buffer
	stats, err := Copy(&out, NewScanner(bytes.NewReader(data), Options{}), opts)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), stats
}

// Every dump becomes one of every version, with the same values but for those that were refused, and back again.
func TestCopyVersions(t *testing.T) {
	dumps := []fixture{{name: "mixed", data: mixedDump(t, 500)}, {name: "sample", data: sampleDump(t, 10)}}
	for _, f := range fixtures(t) {
		if _, err := scanAll(f.data, Options{}); err == nil {
			dumps = append(dumps, f)
		}
	}
	for _, f := range dumps {
		want := meaning(t, f.data)
		for _, version := range []int{0, 5, 6, 7, 8, 9, 10, 11, 12, 15, 80, 81} {
			if len(f.data) > 100_000 && version%2 == 1 {
				continue // for time
			}
			refused := map[string]bool{}
			var keys uint64
			twice := func(e *Entry, reason error) error {
				if !errors.Is(reason, ErrLoad) {
					t.Error(reason)
				}
				keys++
				delete(want, fmt.Sprintf("%d %q %s %d", e.DB, e.Key, e.Type.Kind(), e.Expiry))
				return nil
			}
			out, stats := convert(t, f.data, CopyOptions{Version: version, Unloadable: twice, Refused: func(e *Entry, reason error) error {
				if e.Kind == KeyEntry {
					keys++
					refused[fmt.Sprintf("%d %q %s %d", e.DB, e.Key, e.Type.Kind(), e.Expiry)] = true
				}
				if reason == nil || !strings.HasPrefix(reason.Error(), "rdb: offset ") {
					t.Errorf("the reason is %v", reason)
				}
				return nil
			}})
			got := meaning(t, out)
			if stats.Keys != stats.Written+keys {
				t.Errorf("%s to %d: %+v with %d keys refused", f.name, version, stats, keys)
			}
			for name, value := range want {
				if refused[name] {
					continue
				}
				if got[name] != value {
					t.Fatalf("%s to version %d: %s is\n%.300s, not\n%.300s", f.name, version, name, got[name], value)
				}
			}
			if version == 0 && len(refused) > 0 {
				t.Errorf("%s cannot be copied as it is: %v", f.name, refused)
			}
		}
	}
}

// The server loads what was converted down for it as it loads the original.
func TestCopyLoads(t *testing.T) {
	for _, f := range []fixture{{name: "mixed", data: mixedDump(t, 1000)}, {name: "large", data: largeDump(t)}} {
		want := startServer(t, f.data).do("DEBUG", "DIGEST")
		for _, version := range []int{6, 7, 8, 9, 10} {
			keys := func(e *Entry, _ error) error { return nil }
			out, stats := convert(t, f.data, CopyOptions{Version: version, Refused: keys})
			got := startServer(t, out).do("DEBUG", "DIGEST")
			if got != want && stats.Refused == 0 {
				t.Errorf("%s as version %d is loaded with other values", f.name, version)
			}
		}
	}
	// What is newer than the server, key for key as commands make it.
	loaded := 0
	for _, f := range mustFixtures(t) {
		if f.version < 11 || unreadable[f.name] != "" {
			continue
		}
		out, _ := convert(t, f.data, CopyOptions{Version: 10, Filter: Filter{Types: []string{"string", "list", "set", "zset", "hash", "stream"}, Now: time.Now()},
			Refused: func(*Entry, error) error { return nil }})
		keys, _ := scanAll(out, Options{})
		if len(keys) == 0 {
			continue
		}
		filled, native := startServer(t, nil), startServer(t, out)
		dbs := filled.replayDump(out, Options{}, filled.viaCommands(CommandOptions{RDBVersion: 10}))
		if got, want := native.state(dbs), filled.state(dbs); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the server loads\n%.1000s\ncommands make\n%.1000s", f.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		loaded++
	}
	t.Logf("%d newer dumps loaded by the server as version 10", loaded)
}

func TestReencodeFieldExpiry(t *testing.T) {
	redis := Entry{Key: []byte("h"), Type: TypeHashTTLLP, Raw: AppendString([]byte("12345678"), packList("a", "1", 0, "b", "2", 1_800_000_000_000, "c", "3", 1_700_000_000_000))}
	fields := func(e *Entry) (list []string) {
		if err := Decode(e, func(el *Element) error {
			list = append(list, fmt.Sprintf("%s=%s@%d", el.Bytes, el.Value, el.Expiry))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := fields(&redis)
	valkey, _, err := Reencode(&redis, ReencodeOptions{Version: 80})
	if err != nil || valkey.Type != TypeValkeyHashTTL || !reflect.DeepEqual(fields(valkey), want) {
		t.Fatal(valkey, err)
	}
	back, _, err := Reencode(valkey, ReencodeOptions{Version: 12})
	if err != nil || back.Type != TypeHashTTL || !reflect.DeepEqual(fields(back), want) {
		t.Fatal(back, err)
	}
	if _, _, err := Reencode(valkey, ReencodeOptions{Version: 11}); !errors.Is(err, ErrTarget) {
		t.Error(err)
	}
}

func TestCopyErrors(t *testing.T) {
	sample := sampleDump(t, 10)
	_, err := Copy(io.Discard, NewScanner(bytes.NewReader(sample), Options{}), CopyOptions{Version: 9})
	if !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "does not support functions; use version 10 of Redis") {
		t.Error(err)
	}
	if _, err := Copy(io.Discard, NewScanner(bytes.NewReader(sample), Options{}), CopyOptions{Version: 4}); err == nil {
		t.Error("version 4 is written")
	}
	if _, err := Copy(io.Discard, NewScanner(bytes.NewReader(sample[:60]), Options{}), CopyOptions{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	stop := errors.New("stop")
	if _, err := Copy(io.Discard, NewScanner(bytes.NewReader(sample), Options{}), CopyOptions{Version: 6, Refused: func(*Entry, error) error { return stop }}); err != stop {
		t.Error(err)
	}
	_, err = Copy(io.Discard, NewScanner(bytes.NewReader(sample), Options{}), CopyOptions{Filter: Filter{MapDB: map[int]int{3: 9}}})
	if err == nil || !strings.Contains(err.Error(), "databases 3 and 9 would both become 9") {
		t.Error(err)
	}
}
