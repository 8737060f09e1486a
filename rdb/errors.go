package rdb

import (
	"errors"
	"fmt"
)

// Reasons that an [Error] may wrap, for errors.Is. A dump that ends too early wraps io.ErrUnexpectedEOF.
var (
	// ErrChecksum: the bytes are not those that were written.
	ErrChecksum = errors.New("wrong checksum")
	// ErrUnsupported: a version, type or opcode that this package does not know, or knows but cannot read.
	ErrUnsupported = errors.New("not supported")
	// ErrNotDump: something else than a dump, such as a page of HTML.
	ErrNotDump = errors.New("not a dump")
	// ErrFollows: the dump is whole, but more follows it in the stream, such as the commands of an append-only file.
	ErrFollows = errors.New("trailing data after the dump")
	// ErrTarget: the target of [Commands], [Reencode] or a [Writer] has no way to say what the value is.
	ErrTarget = errors.New("target too old")
)

// Error describes what is wrong with a dump and where. It prints as `rdb: offset 118: unknown type 30`.
type Error struct {
	Offset  int64  // bytes from the start of the dump (of the value, where there is no dump around it)
	Message string // what is wrong; what to do
	Err     error  // the reason, for errors.Is and errors.As; may be nil, and is part of Message where that helps
}

// Error gives the offset and the message.
func (e *Error) Error() string { return fmt.Sprintf("rdb: offset %d: %s", e.Offset, e.Message) }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }
