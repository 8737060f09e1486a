package rdb

import (
	"bytes"
	"runtime"
	"testing"
)

// countElements counts what Decode gives, as Size counts it.
func countElements(e *Entry) (n uint64, err error) {
	err = Decode(e, func(el *Element) error {
		switch el.Kind {
		case StringChunk:
			n = 1
		case ListItem, SetMember, ZSetMember, HashField, StreamItem:
			n++
		}
		return nil
	})
	return n, err
}

// Measure must find as many elements as Decode, and through a small window the same.
func TestMeasure(t *testing.T) {
	dumps := [][]byte{sampleDump(t, 10), mixedDump(t, 1000), largeDump(t)}
	for _, f := range fixtures(t) {
		if unreadable[f.name] == "" {
			dumps = append(dumps, f.data)
		}
	}
	for _, data := range dumps {
		small := NewScanner(bytes.NewReader(data), Options{Window: minWindow})
		large := NewScanner(bytes.NewReader(data), Options{})
		for {
			a, err := large.Next()
			b, _ := small.Next()
			if err != nil {
				break
			}
			if a.Kind != KeyEntry || a.Type == TypeModule2 {
				continue
			}
			var want uint64
			if a.Raw != nil {
				if want, err = countElements(a); err != nil {
					continue // damaged on purpose
				}
			}
			streamed, err := Measure(b)
			if err != nil {
				t.Fatalf("%q: %v", b.Key, err)
			}
			whole, err := Measure(a)
			if err != nil || whole != streamed || a.Raw == nil && whole.Elements == 0 {
				t.Fatalf("%q, %s: %+v and, through a small window, %+v; %v", a.Key, a.Type, whole, streamed, err)
			}
			if want > 0 && whole.Elements != want && a.Type.Kind() != "stream" { // a stream says its length itself, and not always right
				t.Errorf("%q, %s: %d elements, but %d are decoded", a.Key, a.Type, whole.Elements, want)
			}
			if whole.Content > 0 && whole.Memory == 0 && a.Type != TypeString {
				t.Errorf("%q, %s: no memory", a.Key, a.Type)
			}
		}
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 10 << 10: "10 KiB", 1<<20 - 1: "1.0 MiB",
		309_105_841: "295 MiB", 3 << 30: "3.0 GiB", 1 << 40: "1.0 TiB", 1<<64 - 1: "16 EiB",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// A packed value that unpacks to 100 MB is not unpacked to be counted.
func TestMeasureBomb(t *testing.T) {
	head := append([]byte{0, 0, 0, 0, 7, 0}, make([]byte, 26)...) // of a listpack with 7 elements
	packed := append([]byte{31}, head...)
	real := uint64(len(head))
	for range 400_000 {
		packed = append(packed, 7<<5, 255, 0) // 264 bytes from one byte back
		real += 264
	}
	raw := append(AppendLength(AppendLength([]byte{0xc0 | stringLZF}, uint64(len(packed))), real), packed...)
	for name, e := range map[string]*Entry{"whole": {Type: TypeSetListpack, Raw: raw}, "streamed": nil} {
		if e == nil {
			var out bytes.Buffer
			w, err := NewWriter(&out, 11)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(&Entry{Type: TypeSetListpack, Raw: raw}); err != nil {
				t.Fatal(err)
			}
			if e, err = NewScanner(&out, Options{}).Next(); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		size, err := Measure(e)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		if err != nil || size.Elements != 7 || size.Content != real || allocated > 1<<20 {
			t.Errorf("%s: %+v, %v, %d bytes allocated", name, size, err, allocated)
		}
	}
}
