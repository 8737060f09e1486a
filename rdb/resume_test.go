package rdb

import (
	"bytes"
	"io"
	"reflect"
	"testing"
)

// From the position of any entry a second scanner gives the rest of them.
func TestPosition(t *testing.T) {
	dump := mixedDump(t, 300)
	all, err := scanAll(dump, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewScanner(bytes.NewReader(dump), Options{})
	for n := 1; ; n++ {
		if _, err := s.Next(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		at := s.Position()
		rest, err := scanAll(dump[at.Offset:], Options{Start: at, Window: minWindow})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(rest, append([]Entry(nil), all[n:]...)) {
			t.Fatalf("from entry %d, offset %d, other entries come", n, at.Offset)
		}
	}
	if got, want := s.Checksum(), crcUpdate(0, dump[:len(dump)-8]); got != want {
		t.Errorf("checksum %x, want %x", got, want)
	}
}
