// Package aof reads append-only files of Redis and Valkey: the commands in them ([Scan]), and the manifest of those that
// consist of several files ([ParseManifest]).
//
// It reads any length in constant memory: arguments are passed on or skipped, never held. What it accepts is what a server
// writes (redis src/aof.c, catAppendOnlyGenericCommand), which is stricter than what a server loads.
package aof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
)

// Error reports where a file is damaged. It prints as `appendonly.aof: offset 118: …`.
type Error struct {
	File    string // name without directory; "" where the caller knows it
	Offset  int64  // bytes from the start of the file
	Message string // what is wrong; what to do
}

// Error returns file, offset and message.
func (e *Error) Error() string {
	if e.File == "" {
		return fmt.Sprintf("offset %d: %s", e.Offset, e.Message)
	}
	return fmt.Sprintf("%s: offset %d: %s", e.File, e.Offset, e.Message)
}

const (
	// maxArg bounds one argument. Servers limit it to 512 MB unless proto-max-bulk-len is raised.
	maxArg = 4 << 30
	// maxArgs is the largest number of arguments that a server parses (an int).
	maxArgs = 1<<31 - 1
	// maxHeader bounds a line such as *3 or $512, maxAnnotation one that begins with # (AOF_ANNOTATION_LINE_MAX_LEN).
	maxHeader     = 32
	maxAnnotation = 1024
	// maxName bounds the name of a command; the longest of Redis has 20 characters.
	maxName = 64
)

const (
	maxHashed = 3   // arguments whose hash is kept: database, key and element
	maxPeek   = 512 // bytes of one that are hashed
)

// removes are commands each of whose arguments names something.
var removes = map[string]bool{"del": true, "unlink": true, "hdel": true, "srem": true, "zrem": true}

// A command is what is needed to know of one.
type command struct {
	name string // in lower case
	at   int64  // offset of its first byte, after annotations
	end  int64
	// hashes are of the first arguments, as many as are needed to know what it changes, and size is the sum of the bytes of all.
	// They are kept where the reader has a seed, until the next command.
	hashes []uint64
	size   int64
}

// errShort ends a file within a command.
var errShort = errors.New("the file ends within a command")

// A reader reads commands one after the other.
type reader struct {
	in    *bufio.Reader
	n     int64             // offset of the next byte
	names map[string]string // in lower case, by how they are written

	seed   *maphash.Seed
	hashes []uint64
}

func newReader(r io.Reader, at int64) *reader {
	return &reader{in: bufio.NewReaderSize(r, 64<<10), n: at, names: map[string]string{}}
}

// next reads one command and writes it to w as it is, without annotations before it. w may be nil. The error is io.EOF where
// nothing follows, errShort, an *Error, or one of reading or writing.
func (r *reader) next(w io.Writer) (command, error) {
	for {
		first, err := r.in.Peek(1)
		if err != nil {
			return command{at: r.n}, err
		}
		switch first[0] {
		case '#':
			if _, err := r.line(nil, maxAnnotation); err != nil {
				return command{at: r.n}, err
			}
			continue
		case '*':
			return r.args(w)
		}
		head, _ := r.in.Peek(9)
		message := fmt.Sprintf("unexpected %q at the start of a command", head)
		switch {
		case bytes.HasPrefix(head, []byte("REDIS")), bytes.HasPrefix(head, []byte("VALKEY")):
			message = "unexpected RDB preamble; it is only allowed at the start of a file"
		case len(bytes.Trim(head, "\x00")) == 0:
			message = "unexpected zero bytes, probably from a machine crash"
		}
		return command{at: r.n}, r.errorf(r.n, "%s; repair a copy of the file with redis-check-aof --fix", message)
	}
}

func (r *reader) args(w io.Writer) (command, error) {
	c := command{at: r.n}
	r.hashes = r.hashes[:0]
	n, err := r.header(w, '*', maxArgs)
	if err != nil {
		return c, err
	}
	if n == 0 {
		return c, r.errorf(c.at, "command without arguments; repair a copy of the file with redis-check-aof --fix")
	}
	for i := range n {
		at := r.n
		size, err := r.header(w, '$', maxArg)
		if err != nil {
			return c, err
		}
		if i == 0 {
			if size == 0 || size > maxName {
				return c, r.errorf(at, "command name of %d bytes; repair a copy of the file with redis-check-aof --fix", size)
			}
			name, err := r.in.Peek(int(size))
			if err != nil {
				return c, short(err)
			}
			if bytes.ContainsFunc(name, func(b rune) bool { return b <= ' ' || b > '~' }) {
				return c, r.errorf(at, "invalid command name %q; repair a copy of the file with redis-check-aof --fix", name)
			}
			c.name = r.lower(name)
		}
		if i > 0 && r.seed != nil {
			c.size += size
			if i <= maxHashed || removes[c.name] {
				p, _ := r.in.Peek(int(min(size, maxPeek))) // where the file ends, pass says so
				r.hashes = append(r.hashes, maphash.Bytes(*r.seed, p))
			}
		}
		if err := r.pass(w, size); err != nil {
			return c, err
		}
		end, err := r.in.Peek(2)
		if err != nil {
			return c, short(err)
		}
		if end[0] != '\r' || end[1] != '\n' {
			return c, r.errorf(r.n, "unexpected %q after an argument of %d bytes, expected CRLF; the length is damaged, or line endings were converted", end, size)
		}
		if err := r.pass(w, 2); err != nil {
			return c, err
		}
	}
	c.end, c.hashes = r.n, r.hashes
	return c, nil
}

// header reads a line such as *3 or $12.
func (r *reader) header(w io.Writer, kind byte, limit int64) (int64, error) {
	at := r.n
	line, err := r.line(w, maxHeader)
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, r.errorf(at, "unexpected %.20q, expected a line that starts with %q; repair a copy of the file with redis-check-aof --fix", line, string(kind))
	}
	digits := line[1:]
	n, err := strconv.ParseUint(string(digits), 10, 63)
	if err != nil || int64(n) > limit {
		return 0, r.errorf(at, "invalid length %.20q, maximum %d; repair a copy of the file with redis-check-aof --fix", digits, limit)
	}
	return int64(n), nil
}

// lower returns the name of a command in lower case. It allocates for new names only, and keeps few of them: a damaged file may
// have any number.
func (r *reader) lower(name []byte) string {
	low, ok := r.names[string(name)]
	if !ok {
		low = strings.ToLower(string(name))
		if len(r.names) < 2*maxNames {
			r.names[string(name)] = low
		}
	}
	return low
}

// line reads up to CRLF, which is not part of what it returns. That is never empty, and valid until the next read.
func (r *reader) line(w io.Writer, limit int) ([]byte, error) {
	at := r.n
	// Peek ahead, so that a long line costs no memory.
	for size := 16; ; size *= 4 {
		p, err := r.in.Peek(min(size, limit))
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			if i < 2 || p[i-1] != '\r' {
				return nil, r.errorf(at, "%.20q does not end with CRLF; line endings were converted, use the original file", p[:i+1])
			}
			if w != nil {
				if _, err := w.Write(p[:i+1]); err != nil {
					return nil, err
				}
			}
			r.n += int64(i) + 1
			_, err := r.in.Discard(i + 1) // of what is buffered: p stays
			return p[:i-1], err
		}
		if err != nil {
			return nil, short(err)
		}
		if size >= limit {
			return nil, r.errorf(at, "line starting with %.20q exceeds %d bytes; repair a copy of the file with redis-check-aof --fix", p, limit)
		}
	}
}

// pass copies n bytes to w.
func (r *reader) pass(w io.Writer, n int64) error {
	var passed int64
	var err error
	if w == nil {
		for passed < n && err == nil {
			var got int
			got, err = r.in.Discard(int(min(n-passed, 1<<30)))
			passed += int64(got)
		}
	} else {
		passed, err = io.CopyN(w, r.in, n)
	}
	r.n += passed
	return short(err)
}

// short makes errShort of the end of the file.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return err
}

func (r *reader) errorf(at int64, format string, args ...any) error {
	return &Error{Offset: at, Message: fmt.Sprintf(format, args...)}
}
