package rdb

import (
	"hash/crc64"
	"math/rand/v2"
	"testing"
)

func TestCRC(t *testing.T) {
	if got := crcUpdate(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("the check value is %x", got)
	}
	// hash/crc64 inverts before and after; undone, it must agree on every length around the step of 16.
	table := crc64.MakeTable(crcPoly)
	data := make([]byte, 4096+17)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	lengths := []int{0, 1, 7, 8, 9, 15, 16, 17, 31, 300, len(data)}
	for n := 100; n < 700; n++ { // around the steps of 64
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		want := ^crc64.Update(^uint64(0), table, data[:n])
		if got := crcUpdate(0, data[:n]); got != want {
			t.Errorf("%d bytes: got %x, want %x", n, got, want)
		}
		if got := crcTable(0, data[:n]); got != want {
			t.Errorf("%d bytes by tables: got %x, want %x", n, got, want)
		}
		cut := n / 3
		if got := crcUpdate(crcUpdate(0, data[:cut]), data[cut:n]); got != want {
			t.Errorf("%d bytes in two parts: got %x, want %x", n, got, want)
		}
	}
}

func BenchmarkCRC(b *testing.B) {
	for _, size := range []int{300, 256 << 10} {
		b.Run(map[int]string{300: "300B", 256 << 10: "256KiB"}[size], func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			var sum uint64
			for b.Loop() {
				sum = crcUpdate(sum, data)
			}
			_ = sum
		})
	}
}
