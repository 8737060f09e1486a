package rdb

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// What a Writer writes, a Scanner reads; and copying a dump through both gives the same entries.
func TestWriter(t *testing.T) {
	for _, version := range []int{10, 11, 12, 15} {
		data := sampleDump(t, version)
		want, err := scanAll(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, window := range []int{0, minWindow} {
			var out bytes.Buffer
			w, err := NewWriter(&out, version)
			if err != nil {
				t.Fatal(err)
			}
			s := NewScanner(bytes.NewReader(data), Options{Window: window})
			for {
				e, err := s.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Write(e); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := scanAll(out.Bytes(), Options{})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("version %d, window %d: %v, got\n%+v\nwant\n%+v", version, window, err, got, want)
			}
		}
	}
}

func TestWriterOld(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		{Kind: AuxEntry, Key: []byte("ctime"), Raw: []byte("1")},
		{Kind: ResizeEntry, Keys: 1},
		{Key: []byte("k"), Type: TypeString, Raw: join("v"), Expiry: 9, HasIdle: true, HasFreq: true},
	} {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "REDIS0006\xfe\x00\xfc\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01k\x01v\xff"
	if got := out.String(); got[:len(got)-8] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := scanAll(out.Bytes(), Options{}); err != nil {
		t.Error(err)
	}
}

func TestWriterErrors(t *testing.T) {
	for _, version := range []int{0, 4, 16, 79, 82} {
		if _, err := NewWriter(io.Discard, version); err == nil {
			t.Errorf("version %d can be written", version)
		}
	}
	for _, tt := range []struct {
		version int
		entry   Entry
		want    string
	}{
		{9, Entry{Type: TypeHashListpack, Raw: []byte{0}}, "rdb: offset 0: RDB version 9 does not support a hash (listpack); use version 10 of Redis"},
		{80, Entry{Type: TypeHashTTL, Raw: []byte{0}}, "rdb: offset 0: RDB version 80 does not support a hash (hash table with field expiry); use version 12 of Redis"},
		{12, Entry{Type: TypeValkeyHashTTL, Raw: []byte{0}}, "rdb: offset 0: RDB version 12 does not support a hash (hash table with field expiry, Valkey); use version 80 of Valkey"},
		{9, Entry{Kind: FunctionEntry}, "rdb: offset 0: RDB version 9 does not support functions; use version 10 of Redis"},
		{10, Entry{Kind: ModuleAuxEntry, Module: "bf"}, `rdb: offset 0: the data of module "bf" outside of keys is too large`},
	} {
		w, err := NewWriter(io.Discard, tt.version)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&tt.entry); err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	full := errors.New("disk full")
	w, err := NewWriter(failing{full}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&Entry{Type: TypeString, Raw: make([]byte, 2*writeBuffer)}); err != full {
		t.Errorf("the error of the writer below comes back as %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestDump(t *testing.T) {
	for _, tt := range values {
		version := max(tt.typ.Since(), 6)
		payload, err := AppendDump([]byte("before"), &Entry{Type: tt.typ, Raw: tt.raw}, version)
		if err != nil {
			t.Fatal(err)
		}
		e, got, err := ParseDump(payload[len("before"):])
		if err != nil || got != version || e.Type != tt.typ || !bytes.Equal(e.Raw, tt.raw) {
			t.Errorf("%s came back as %+v, version %d, %v", tt.name, e, got, err)
		}
	}
	// The answer of redis-server 7.0.15 to SET k hello, DUMP k.
	payload, err := AppendDump(nil, &Entry{Type: TypeString, Raw: join("hello")}, 10)
	if want := "\x00\x05hello\n\x00cr\xdfve4 \n"; err != nil || string(payload) != want {
		t.Errorf("got %q, %v", payload, err)
	}
}

func TestDumpErrors(t *testing.T) {
	whole := func(body string) []byte {
		return []byte(body + string(le(int64(crcUpdate(0, []byte(body))))))
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"short", []byte("12345678901"), "rdb: offset 0: DUMP payload of 11 bytes is too short"},
		{"version", whole("\x00\x01a\x63\x00"), "rdb: offset 3: unknown RDB version 99"},
		{"checksum", []byte("\x00\x01a\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "rdb: offset 5: checksum mismatch: computed b47d368f9beffebf, payload has 0000000000000000"},
		{"type", whole("\x1e\x01a\x0a\x00"), "rdb: offset 0: unknown type 30"},
		{"cut", whole("\x00\x05a\x0a\x00"), "rdb: offset 3: unexpected end of data, at least 4 bytes missing; the dump is truncated or damaged"},
		{"more", whole("\x00\x01ab\x0a\x00"), "rdb: offset 3: 1 unexpected bytes after the value"},
	} {
		if _, _, err := ParseDump(tt.payload); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got  %v\nwant %s", tt.name, err, tt.want)
		}
	}
	if _, err := AppendDump(nil, &Entry{Type: TypeHashTTL, Raw: []byte{0}}, 80); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a type of Redis 7.4 as a payload of Valkey: %v", err)
	}
	if _, err := AppendDump(nil, &Entry{Type: TypeValkeyHashTTL, Raw: []byte{0}}, 12); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a type of Valkey as a payload of Redis 7.4: %v", err)
	}
}
