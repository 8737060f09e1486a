package rdb

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAllocators(t *testing.T) {
	for _, tt := range []struct {
		alloc   Allocator
		n, want uint64
	}{
		{OwnJemalloc, 1, 8}, {OwnJemalloc, 24, 24}, {OwnJemalloc, 57, 64}, {OwnJemalloc, 65, 80}, {OwnJemalloc, 536, 640}, {OwnJemalloc, 5000, 5120},
		{SystemJemalloc, 1, 8}, {SystemJemalloc, 9, 16}, {SystemJemalloc, 24, 32}, {SystemJemalloc, 56, 64}, {SystemJemalloc, 113, 128}, {SystemJemalloc, 129, 160},
		{Glibc, 1, 24}, {Glibc, 24, 24}, {Glibc, 25, 40}, {Glibc, 40, 40}, {Glibc, 41, 56},
	} {
		if got := tt.alloc.size(tt.n); got != tt.want {
			t.Errorf("allocator %d: %d bytes take %d, want %d", tt.alloc, tt.n, got, tt.want)
		}
	}
	for n, want := range map[uint64]uint64{0: 4, 4: 4, 5: 8, 8: 8, 9: 16, 40_000: 65_536} {
		if got := buckets(n); got != want {
			t.Errorf("%d entries have %d buckets, want %d", n, got, want)
		}
	}
}

// treeSize is the size of a radix tree that is built as a whole: of keys that are equal up to a depth.
func treeSize(r *rax, keys [][]byte, depth int) uint64 {
	if len(keys) == 1 {
		return r.chain(len(keys[0])-depth) + r.node(0, 1)
	}
	first, last := keys[0], keys[len(keys)-1]
	same := depth
	for first[same] == last[same] {
		same++
	}
	size, children := r.chain(same-depth), 0
	for from := 0; from < len(keys); {
		to := from
		for to < len(keys) && keys[to][same] == keys[from][same] {
			to++
		}
		size += treeSize(r, keys[from:to], same+1)
		from, children = to, children+1
	}
	return size + r.node(children, children)
}

func TestRax(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var keys [][]byte
		for range 1 + random.IntN(200) {
			key := binary.BigEndian.AppendUint64(nil, 1_700_000_000_000+random.Uint64N(1<<(1+random.IntN(30))))
			keys = append(keys, binary.BigEndian.AppendUint64(key, random.Uint64N(3)))
		}
		slices.SortFunc(keys, bytes.Compare)
		keys = slices.CompactFunc(keys, bytes.Equal)
		tree := rax{alloc: OwnJemalloc}
		for _, key := range keys {
			tree.add(key)
		}
		want := tree.alloc.size(raxSize) + treeSize(&rax{}, keys, 0)
		if got := tree.size(); got != want {
			t.Fatalf("%d keys take %d bytes, want %d", len(keys), got, want)
		}
	}
}

// Integers, and texts of them, stand in the object; small ones in an object that all keys share.
func TestMeasureString(t *testing.T) {
	for text, want := range map[string]uint64{
		"9999": 0, "10000": 16, "-1": 16, "1700000000000": 16, "0123": 24, "+5": 24, "": 24, "x": 24, "12345678901234567890": 40,
	} {
		size, err := Measure(&Entry{Type: TypeString, Raw: AppendString(nil, []byte(text))})
		if err != nil || size.Memory != want || size.Content != uint64(len(text)) {
			t.Errorf("%q: %+v, want %d; %v", text, size, want, err)
		}
	}
}
