package send

import (
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

var (
	wordAbsTTL   = []byte("$6\r\nABSTTL\r\n")
	wordIdle     = []byte("$8\r\nIDLETIME\r\n")
	wordFreq     = []byte("$4\r\nFREQ\r\n")
	wordReplace  = []byte("$7\r\nREPLACE\r\n")
	wordRestore  = []byte("\r\n$7\r\nRESTORE\r\n")
	wordNoExpiry = []byte("$1\r\n0\r\n")
)

// appendRestore appends the command that makes a key with all that the dump says of it, and gives where its payload is.
func appendRestore(dst []byte, e *rdb.Entry, replace bool) (_ []byte, payload [2]int, err error) {
	dst = appendRestoreHead(dst, e, int64(len(e.Raw)), replace)
	payload[0] = len(dst)
	if dst, err = rdb.AppendDump(dst, e, capability.PayloadVersion(e.Type)); err != nil {
		return dst, payload, err
	}
	payload[1] = len(dst)
	return appendRestoreTail(dst, e, replace), payload, nil
}

// appendRestoreHead appends what comes before the payload of a value of that many bytes.
func appendRestoreHead(dst []byte, e *rdb.Entry, size int64, replace bool) []byte {
	n := 4
	if e.Expiry != 0 {
		n++
	}
	if e.HasIdle || e.HasFreq {
		n += 2
	}
	if replace {
		n++
	}
	dst = append(append(dst, '*', byte('0'+n)), wordRestore...)
	dst = redis.AppendArg(dst, e.Key)
	if e.Expiry != 0 {
		dst = appendInt(dst, e.Expiry)
	} else {
		dst = append(dst, wordNoExpiry...)
	}
	const around = 1 + 2 + 8 // type, version, checksum
	dst = strconv.AppendInt(append(dst, '$'), size+around, 10)
	return append(dst, '\r', '\n')
}

// appendRestoreTail appends what comes after the payload.
func appendRestoreTail(dst []byte, e *rdb.Entry, replace bool) []byte {
	dst = append(dst, '\r', '\n')
	if e.Expiry != 0 {
		dst = append(dst, wordAbsTTL...)
	}
	switch {
	case e.HasIdle:
		dst = appendInt(append(dst, wordIdle...), int64(e.Idle))
	case e.HasFreq:
		dst = appendInt(append(dst, wordFreq...), int64(e.Freq))
	}
	if replace {
		dst = append(dst, wordReplace...)
	}
	return dst
}

// appendInt appends a number as an argument.
func appendInt(dst []byte, n int64) []byte {
	var digits [20]byte
	return redis.AppendArg(dst, strconv.AppendInt(digits[:0], n, 10))
}
