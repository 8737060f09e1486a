package rdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/aof"
)

// Following is what follows a dump in its stream.
type Following uint8

// What may follow a dump.
const (
	Nothing           Following = iota
	EndMark                     // the 40 random hexadecimal digits that end a diskless transfer
	FollowingCommands           // those of an append-only file with a preamble (aof-use-rdb-preamble)
)

// endMark is the length of the mark (redis src/replication.c, CONFIG_RUN_ID_SIZE).
const endMark = 40

// Rest reads what follows the dump. It may be called once, after Next gave io.EOF, of a scanner with [Options.Rest].
func (s *Scanner) Rest() io.Reader {
	return io.MultiReader(bytes.NewReader(s.w.buf[s.w.pos:s.w.end]), s.w.r)
}

// Following returns what follows the dump, and leaves it to Rest. It may be called after Next gave io.EOF, of a scanner with
// [Options.Rest]. Anything else than those three is an [Error] with [ErrFollows].
func (s *Scanner) Following() (Following, error) {
	w := &s.w
	err := w.need(endMark + 1)
	var e *Error
	if errors.As(err, &e) && strings.HasPrefix(e.Message, endsHere) {
		err = nil
	}
	if err != nil {
		return Nothing, err
	}
	p := w.buf[w.pos:w.end]
	switch {
	case len(p) == 0:
		return Nothing, nil
	case len(p) == endMark && len(bytes.Trim(p, "0123456789abcdef")) == 0:
		return EndMark, nil
	case p[0] == '*', p[0] == '#':
		return FollowingCommands, nil
	}
	at, begins := w.offset(), bytes.Clone(p[:min(len(p), 9)])
	n, err := io.Copy(io.Discard, s.Rest())
	if err != nil {
		return Nothing, &Error{at, "reading: " + err.Error(), err}
	}
	what := "data"
	if maybeMagic(begins) && len(begins) >= len(magics[1]) {
		what = "another dump"
	}
	return Nothing, &Error{at, fmt.Sprintf("%d bytes of trailing data after the end of the dump (%s that starts with %q); if not needed, truncate a copy of the file: head -c %d",
		n, what, begins, at), ErrFollows}
}

// last is the end of the dump.
func (s *Scanner) last() error {
	if s.rest {
		return io.EOF
	}
	what, err := s.Following()
	if err != nil {
		return err
	}
	if what != FollowingCommands {
		return io.EOF
	}
	at := s.w.offset()
	tail, err := aof.Scan(context.Background(), []aof.Part{{Start: at, Once: true, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(s.Rest()), nil
	}}})
	switch {
	case err != nil:
		return &Error{at, "the append-only file commands after the dump are damaged: " + err.Error(), ErrFollows}
	case tail.Empty():
		return io.EOF
	}
	return &Error{at, tail.Refusal(), ErrFollows}
}
