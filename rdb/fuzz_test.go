package rdb

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzScan: any bytes give an end or an *Error, and the same keys through a small window.
func FuzzScan(f *testing.F) {
	f.Add(sampleDump(f, 10))
	f.Add([]byte("REDIS0011\x00\xc3\x04\x20\xe0\x00\x05\x00"))
	f.Add([]byte("VALKEY080\x16\x01k\x01\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(join([]byte("REDIS0001\x00"), strings.Repeat("k", 2*minWindow), "v", []byte("\x00"), "", "v", []byte("\xff"))) // found: an empty key after a long one
	for _, fixture := range fixtures(f) {
		if len(fixture.data) < 4000 {
			f.Add(fixture.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		large, largeErr := scanAll(data, Options{})
		small, smallErr := scanAll(data, Options{Window: minWindow})
		if (largeErr == nil) != (smallErr == nil) || largeErr == nil && !reflect.DeepEqual(large, small) {
			t.Errorf("got %+v and %v; through a small window %+v and %v", large, largeErr, small, smallErr)
		}
		var typed *Error
		if largeErr != nil && !errors.As(largeErr, &typed) {
			t.Errorf("an error without an offset: %v", largeErr)
		}
	})
}

// FuzzDecode: any value of any type gives elements or an error; and what decodes, the scanner can skip.
func FuzzDecode(f *testing.F) {
	for _, v := range values {
		f.Add(uint16(v.typ), v.raw)
	}
	for _, fixture := range fixtures(f) {
		list, _ := scanAll(fixture.data, Options{})
		for _, e := range list {
			if e.Kind == KeyEntry && len(e.Raw) < 4000 {
				f.Add(uint16(e.Type), e.Raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, raw []byte) {
		if raw == nil {
			return
		}
		e := Entry{Key: []byte("k"), Type: Type(typ), Raw: raw}
		if err := Commands(&e, CommandOptions{ChunkBytes: 100}, func([][]byte) error { return nil }); err != nil {
			return
		}
		w := window{buf: raw, end: len(raw)}
		if err := w.skipValue(e.Type); err != nil || w.pos != len(raw) {
			t.Errorf("%s: decoded, but skipped to %d of %d bytes: %v", e.Type, w.pos, len(raw), err)
		}
		size, err := Measure(&e)
		n, _ := countElements(&e)
		if err != nil || size.Elements != n && e.Type.Kind() != "stream" { // a stream says its length itself
			t.Errorf("%s: %d elements decoded, but measured %+v, %v", e.Type, n, size, err)
		}
		for _, version := range []int{6, 9, 12, 80} {
			other, _, err := Reencode(&e, ReencodeOptions{Version: version})
			if errors.Is(err, ErrTarget) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: decoded, but not written for version %d: %v", e.Type, version, err)
			}
			if m, err := countElements(other); m != n || err != nil {
				t.Errorf("%s: %d elements are %d, %v, as %s", e.Type, n, m, err, other.Type)
			}
		}
	})
}
