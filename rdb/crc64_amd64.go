package rdb

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

//go:noescape
func crcFold(k *[4]uint64, sum *[2]uint64, p *byte, n int)

// hasFold reports whether the processor multiplies polynomials, as all of x86 since 2010 do.
var hasFold = cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE2

// foldConstants are x^(8d+63) and x^(8d-1) mod P for d = 64 and d = 16. Products of two reflected numbers of 64 bits come out
// one bit low, which the 1 that is missing in the exponents makes up for (Gopal and others, Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ, Intel 2009).
var foldConstants = [4]uint64{crcPower(64*8 + 63), crcPower(64*8 - 1), crcPower(16*8 + 63), crcPower(16*8 - 1)}

// crcPower is x^n mod P, reflected: the highest bit is x^0.
func crcPower(n int) uint64 {
	c := uint64(1) << 63
	for range n {
		c = c>>1 ^ crcPoly&-(c&1)
	}
	return c
}

// minFold is the length from which folding is faster than the tables.
const minFold = 96

// crcUpdate returns the checksum of what gave crc, followed by p.
func crcUpdate(crc uint64, p []byte) uint64 {
	if len(p) < minFold || !hasFold {
		return crcTable(crc, p)
	}
	n := len(p) &^ 15
	sum := [2]uint64{crc}
	crcFold(&foldConstants, &sum, &p[0], n)
	var last [16]byte
	binary.LittleEndian.PutUint64(last[:], sum[0])
	binary.LittleEndian.PutUint64(last[8:], sum[1])
	return crcTable(crcTable(0, last[:]), p[n:])
}
