package rdb

import (
	"encoding/binary"
	"fmt"
)

// A DUMP payload (redis src/cluster.c, createDumpPayload) is the type byte, the value, the RDB version in 2 bytes and the
// CRC64 of all that in 8, both little-endian.
const dumpFooter = 2 + 8

// AppendDump appends the payload for RESTORE of a key to dst. A server takes no version newer than its own, and looks at
// the type and not at the version to read the value, so that an older version opens older servers; they refuse what
// types they do not know (see [Type.Since]). Only Redis and Valkey must not be mixed from version 80 on.
func AppendDump(dst []byte, e *Entry, version int) ([]byte, error) {
	if e.Type.Since() > 11 && (e.Type.Since() >= minValkeyVersion) != (version >= minValkeyVersion) {
		return dst, &Error{e.ValueOffset, fmt.Sprintf("a %s cannot be dumped as version %d, which would misread it", e.Type, version), ErrUnsupported}
	}
	start := len(dst)
	dst = append(dst, e.Type.Byte())
	var err error
	if e.Raw != nil {
		dst = append(dst, e.Raw...)
	} else {
		dst, err = appendChunks(dst, e)
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(version))
	return binary.LittleEndian.AppendUint64(dst, crcUpdate(0, dst[start:])), err
}

// appendChunks is apart, because its closure puts dst on the heap.
func appendChunks(dst []byte, e *Entry) ([]byte, error) {
	err := e.Chunks(func(p []byte) error {
		dst = append(dst, p...)
		return nil
	})
	return dst, err
}

// DumpChunks returns the payload of AppendDump piece by piece, for a value larger than the window. A piece is valid until fn
// returns.
func DumpChunks(e *Entry, version int, fn func([]byte) error) error {
	head := []byte{e.Type.Byte()}
	sum := crcUpdate(0, head)
	if err := fn(head); err != nil {
		return err
	}
	err := e.Chunks(func(p []byte) error {
		sum = crcUpdate(sum, p)
		return fn(p)
	})
	if err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint16(nil, uint16(version))
	return fn(binary.LittleEndian.AppendUint64(end, crcUpdate(sum, end)))
}

// AppendFunctions appends the payload for FUNCTION RESTORE of one library of functions.
func AppendFunctions(dst []byte, e *Entry) ([]byte, error) {
	if e.Kind != FunctionEntry {
		return dst, &Error{e.Offset, "not a function library", ErrUnsupported}
	}
	const version = 10 // the first with functions
	start := len(dst)
	dst = AppendString(append(dst, opFunction), e.Raw)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	return binary.LittleEndian.AppendUint64(dst, crcUpdate(0, dst[start:])), nil
}

// ParseDump takes a payload of DUMP apart and gives an entry with Type and Raw, which points into it, and its RDB version.
func ParseDump(payload []byte) (*Entry, int, error) {
	body := len(payload) - dumpFooter
	if body < 2 {
		return nil, 0, &Error{0, fmt.Sprintf("DUMP payload of %d bytes is too short", len(payload)), nil}
	}
	version := int(binary.LittleEndian.Uint16(payload[body:]))
	if !knownVersion(version) {
		return nil, 0, &Error{int64(body), fmt.Sprintf("unknown RDB version %d", version), ErrUnsupported}
	}
	want, sum := binary.LittleEndian.Uint64(payload[body+2:]), crcUpdate(0, payload[:body+2])
	if want != sum {
		return nil, 0, &Error{int64(body) + 2, fmt.Sprintf("checksum mismatch: computed %016x, payload has %016x", sum, want), ErrChecksum}
	}
	t, wrong := typeOf(payload[0], version)
	if wrong != "" {
		return nil, 0, &Error{0, wrong, ErrUnsupported}
	}
	w := window{buf: payload[:body:body], pos: 1, end: body}
	e := &Entry{Type: t, Raw: payload[1:body:body], ValueOffset: 1}
	if t == TypeModule2 {
		id, err := w.count()
		if err != nil {
			return nil, 0, err
		}
		e.Module, w.pos = moduleName(id), 1
	}
	if err := w.skipValue(t); err != nil {
		return nil, 0, err
	}
	if w.pos != body {
		return nil, 0, w.errorf("%d unexpected bytes after the value", body-w.pos)
	}
	return e, version, nil
}
