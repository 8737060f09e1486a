package rdb

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// What is in memory is unpacked in another way than what is read as it comes. Both give the same bytes, and errors, for any bytes.
func TestInflateInMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	good := 0
	for range 20_000 {
		var src []byte
		size := uint64(0) // of what it stands for, unless a distance is too large
		for range 1 + random.IntN(8) {
			switch n := random.IntN(40); {
			case n < 32:
				src = append(src, byte(n))
				for range n + 1 {
					src = append(src, byte(random.Uint32()))
				}
				size += uint64(n) + 1
			case n < 38:
				src = append(src, byte((n-31)<<5), byte(random.IntN(40)))
				size += uint64(n-31) + 2
				if n-31 == 7 {
					src = append(src, src[len(src)-1])
				}
			default:
				more := random.IntN(256)
				src = append(src, 7<<5, byte(more), byte(random.IntN(8)))
				size += uint64(more) + 9
			}
		}
		if random.IntN(8) == 0 { // damage
			src = src[:random.IntN(len(src)+1)]
		}
		if random.IntN(8) == 0 {
			size++
		}
		inMemory := window{buf: src, end: len(src)}
		a, errA := inMemory.inflate(nil, uint64(len(src)), size, nil)
		stream := window{r: iotest.OneByteReader(bytes.NewReader(src)), buf: make([]byte, minWindow)}
		b, errB := stream.inflate(nil, uint64(len(src)), size, nil)
		if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
			t.Fatalf("%x for %d bytes: %v, in memory %v", src, size, errB, errA)
		}
		if errA == nil {
			if good++; !bytes.Equal(a, b) || inMemory.pos != len(src) {
				t.Fatalf("%x for %d bytes: %x, in memory %x", src, size, b, a)
			}
		}
	}
	if good < 1000 {
		t.Errorf("only %d were right", good)
	}
}
