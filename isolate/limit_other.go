//go:build !unix

package isolate

// limitAddressSpace does nothing here: watchMemory alone bounds the process.
func limitAddressSpace(uint64) error { return nil }
