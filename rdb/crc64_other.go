//go:build !amd64

package rdb

// crcUpdate gives the checksum of what gave crc, followed by p.
func crcUpdate(crc uint64, p []byte) uint64 { return crcTable(crc, p) }
