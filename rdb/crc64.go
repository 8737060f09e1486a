package rdb

import "encoding/binary"

// The CRC64 of Redis (src/crc64.c, since RDB version 5): polynomial 0xad93d23594c935a9 of Jones, bits reflected,
// start 0, no final inversion. The check value of "123456789" is e9c6d914c4b8d9ca.
const crcPoly = 0x95ac9329ac4bc9b5 // 0xad93d23594c935a9 with its bits reversed

// crcTables[k][b] is the sum of byte b followed by k zero bytes. Never written after it is made.
//
// Sixteen tables and not eight: half of the look-ups then need not wait for the sum before them (2.8 GB/s against
// 1.9 GB/s). hash/crc64 has eight and uses them from 2 KiB up only.
var crcTables = makeCRCTables()

func makeCRCTables() *[16][256]uint64 {
	t := new([16][256]uint64)
	for i := range 256 {
		c := uint64(i)
		for range 8 {
			c = c>>1 ^ crcPoly&-(c&1)
		}
		t[0][i] = c
	}
	for k := 1; k < len(t); k++ {
		for i := range 256 {
			c := t[k-1][i]
			t[k][i] = t[0][byte(c)] ^ c>>8
		}
	}
	return t
}

// crcTable is crcUpdate for any processor.
func crcTable(crc uint64, p []byte) uint64 {
	t := crcTables
	for len(p) >= 16 {
		c := crc ^ binary.LittleEndian.Uint64(p)
		d := binary.LittleEndian.Uint64(p[8:])
		crc = t[15][byte(c)] ^ t[14][byte(c>>8)] ^ t[13][byte(c>>16)] ^ t[12][byte(c>>24)] ^
			t[11][byte(c>>32)] ^ t[10][byte(c>>40)] ^ t[9][byte(c>>48)] ^ t[8][c>>56] ^
			(t[7][byte(d)] ^ t[6][byte(d>>8)] ^ t[5][byte(d>>16)] ^ t[4][byte(d>>24)] ^
				t[3][byte(d>>32)] ^ t[2][byte(d>>40)] ^ t[1][byte(d>>48)] ^ t[0][d>>56])
		p = p[16:]
	}
	if len(p) >= 8 {
		c := crc ^ binary.LittleEndian.Uint64(p)
		crc = t[7][byte(c)] ^ t[6][byte(c>>8)] ^ t[5][byte(c>>16)] ^ t[4][byte(c>>24)] ^
			t[3][byte(c>>32)] ^ t[2][byte(c>>40)] ^ t[1][byte(c>>48)] ^ t[0][c>>56]
		p = p[8:]
	}
	for _, b := range p {
		crc = t[0][byte(crc)^b] ^ crc>>8
	}
	return crc
}
