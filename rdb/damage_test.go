package rdb

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
	"testing"
)

// maxDamage bounds what reading a damaged dump of a few KB may allocate, altogether.
const maxDamage = 64 << 20

// readAll scans a dump and makes the commands of all entries. It gives the keys, and fails the test where more memory is taken
// than a dump of this size can ask for.
func readAll(t *testing.T, what string, at int, data []byte, opts Options) (keys []string, err error) {
	t.Helper()
	allocated := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := allocated()
	defer func() {
		if n := allocated() - before; n > maxDamage {
			t.Errorf("%s at %d: %d bytes were allocated", what, at, n)
		}
	}()
	s := NewScanner(bytes.NewReader(data), opts)
	for {
		e, err := s.Next()
		if err == io.EOF {
			return keys, nil
		}
		if err != nil {
			return keys, err
		}
		keys = append(keys, string(e.Key))
		_ = Commands(e, CommandOptions{}, func([][]byte) error { return nil }) // a value may be damaged in itself
	}
}

// damaged returns ten fixtures of different kinds, that are small enough.
func damaged(t *testing.T) []fixture {
	t.Helper()
	var list []fixture
	seen := map[int]int{}
	for _, f := range mustFixtures(t) {
		if len(f.data) > 6000 || len(f.data) < 60 || unreadable[f.name] != "" || seen[f.version] == 3 {
			continue
		}
		seen[f.version]++
		if list = append(list, f); len(list) == 10 {
			return list
		}
	}
	t.Fatalf("only %d fixtures fit", len(list))
	return nil
}

// Every beginning of a dump ends in an error.
func TestEveryPrefix(t *testing.T) {
	for _, f := range damaged(t) {
		whole, err := readAll(t, f.name, len(f.data), f.data, Options{})
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		end := end(t, f.data) // what follows the dump may be missing
		for n := range f.data {
			for _, opts := range []Options{{}, {Window: minWindow}} {
				keys, err := readAll(t, f.name, n, f.data[:n], opts)
				var typed *Error
				switch {
				case err == nil && (n < end || !reflect.DeepEqual(keys, whole)):
					t.Fatalf("%s: the first %d bytes pass for a whole dump", f.name, n)
				case err != nil && !errors.As(err, &typed):
					t.Fatalf("%s: the first %d bytes: an error without an offset: %v", f.name, n, err)
				}
			}
		}
	}
}

// Any bit that is flipped is found by the checksum; and without looking at that, what is read is an end or an error.
func TestFlippedBits(t *testing.T) {
	list := damaged(t)
	random := rand.New(rand.NewPCG(7, 8))
	found := 0
	const flips = 10_000
	for i := range flips {
		f := list[i%len(list)]
		data := bytes.Clone(f.data)
		at := random.IntN(len(data))
		data[at] ^= 1 << random.IntN(8)
		if _, err := readAll(t, f.name, at, data, Options{}); err != nil {
			found++
		} else if at < checksumAt(f.data) {
			t.Errorf("%s: a bit flipped at %d passes", f.name, at)
		}
		_, _ = readAll(t, f.name, at, data, Options{SkipChecksum: true, Window: minWindow})
	}
	t.Logf("%d of %d flips are errors", found, flips)
}

// end is the length of a dump, without what follows it.
func end(t *testing.T, data []byte) int {
	t.Helper()
	s := NewScanner(bytes.NewReader(data), Options{})
	for {
		if _, err := s.Next(); err == io.EOF {
			return int(s.Offset())
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// checksumAt is where the checksum of a dump stands; what follows it does not matter. 0 where there is none.
func checksumAt(data []byte) int {
	s := NewScanner(bytes.NewReader(data), Options{})
	for {
		if _, err := s.Next(); err == io.EOF {
			break
		} else if err != nil {
			return 0
		}
	}
	if !s.Checked() {
		return 0
	}
	return int(s.Offset()) - 8
}
