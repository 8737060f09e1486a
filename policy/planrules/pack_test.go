package planrules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

// someData is plain data of all kinds, in each other.
func someData(random *rand.Rand, depth int) any {
	kind := random.IntN(9)
	if depth > 4 {
		kind = random.IntN(7)
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return random.IntN(2) == 0
	case 2:
		return random.Int64() - random.Int64()
	case 3:
		return json.Number([]string{"1.5", "-0", "1e400", "12345678901234567890"}[random.IntN(4)])
	case 4, 5, 6:
		return []string{"", "name", "two\nlines", "\x00\xff", "\u00fc"}[random.IntN(5)]
	case 7:
		list := make([]any, random.IntN(5))
		for i := range list {
			list[i] = someData(random, depth+1)
		}
		return list
	}
	fields := map[string]any{}
	for range random.IntN(5) {
		fields[fmt.Sprint("k", random.IntN(9))] = someData(random, depth+1)
	}
	return fields
}

// TestPack: a value of another pool comes out as it was put in, and equal values are equal bytes.
func TestPack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	from, to := &pool{}, &pool{}
	for range 2000 {
		v, err := from.Value(someData(random, 0))
		if err != nil {
			t.Fatal(err)
		}
		packed, err := from.Pack(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := to.Unpack(packed)
		if err != nil || !got.Equal(v) || !v.Equal(got) {
			t.Fatalf("%q gave %v, %v, want %v", packed, got, err, v)
		}
		again, err := to.Pack(got)
		if err != nil || !bytes.Equal(again, packed) {
			t.Fatalf("packed again %q, %v, want %q", again, err, packed)
		}
		for n := range len(packed) {
			if got, err := to.Unpack(packed[:n]); err == nil {
				t.Fatalf("%d bytes of %q gave %v", n, packed, got)
			}
		}
	}
}

// TestPackLines: each text of a value is on lines of its own, where what looks for secrets finds it.
func TestPackLines(t *testing.T) {
	t.Parallel()
	p := &pool{}
	v, err := p.Value(map[string]any{"user": "app", "list": []any{"redis://one", "s3cret", int64(97)}, "z": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := p.Pack(v)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(packed, []byte("\n"))
	for text, want := range map[string]int{"user": 1, "app": 1, "redis://one": 1, "s3cret": 2} {
		n := 0
		for _, line := range lines {
			if string(line) == text {
				n++
			}
		}
		if n != want {
			t.Errorf("%q is %d lines of %q, want %d", text, n, packed, want)
		}
	}
}

// TestPackSet: what is no plain data is refused.
func TestPackSet(t *testing.T) {
	t.Parallel()
	if packed, err := (&pool{}).Pack(&value{&array{[]any{&set{}}}}); err == nil {
		t.Errorf("a set gave %q", packed)
	}
}

// FuzzUnpack: any bytes are refused, or a value that comes out as it was put in.
func FuzzUnpack(f *testing.F) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		v, err := (&pool{}).Value(someData(random, 0))
		if err != nil {
			f.Fatal(err)
		}
		packed, err := (&pool{}).Pack(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Add(bytes.Repeat([]byte{packedArray, 1}, 2*maxPacked))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &pool{}
		v, err := p.Unpack(b)
		if err != nil {
			return
		}
		packed, err := p.Pack(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&pool{}).Unpack(packed); err != nil || !got.Equal(v) {
			t.Errorf("%q gave %v, and then %v, %v", b, v, got, err)
		}
	})
}
