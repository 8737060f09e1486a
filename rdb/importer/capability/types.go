package capability

import "github.com/redis-gitops/redis-gitops/rdb"

// A Way is how a key is written.
type Way uint8

const (
	AsIs      Way = iota // RESTORE of the bytes of the dump
	Reencoded            // RESTORE in an older encoding of the same value
	Plain                // plain commands
)

// ExpireAtSince is the first RDB version whose servers know SET … PXAT for certain: 6.2 has it, but cannot be distinguished from 5.0.
const ExpireAtSince = 10

// PayloadVersion is the RDB version that a payload says it is of: old enough for every server that knows the type.
func PayloadVersion(t rdb.Type) int {
	const oldest = 6
	if t.Since() > 11 { // where Redis and Valkey part
		return t.Since()
	}
	return oldest
}

// Knows reports whether servers of an RDB version have a type. Redis and Valkey parted at 11.
func Knows(version int, t rdb.Type) bool {
	switch since := t.Since(); {
	case since >= 80:
		return version >= since
	case since > 11:
		return version >= since && version < 80
	default:
		return version >= since
	}
}
