// Package rdb scans an RDB stream, decodes its values and replays one into a server.
//
// RDB is the snapshot format of Redis and Valkey. [Scanner] reads any length of it in constant memory and leaves the
// values as they are: they are byte for byte what RESTORE takes ([AppendDump]). [Decode] gives a value's elements and
// [Commands] the commands that make it, for targets that are older than the dump. [Writer] writes a dump.
//
// Read are versions 1 to 15 of Redis and 80 to 81 of Valkey, but not the types that came with Redis 8.6, 8.8 and 8.10 and
// Valkey 9.2: no server was at hand to prove their layout on. They end the scan with an [Error], because what follows
// a value of unknown length cannot be found.
package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Kind describes what an [Entry] is.
type Kind uint8

// The kinds of entries.
const (
	KeyEntry       Kind = iota // a key with its value
	AuxEntry                   // a fact about the dump: Key is its name and Raw its text, not encoded
	FunctionEntry              // a library of functions: Raw is its code as FUNCTION LOAD takes it
	ModuleAuxEntry             // data that Module keeps outside of the keys: Raw is the module's ID, when it is read, and its items
	ResizeEntry                // Keys and Expires, how many keys the database DB has
)

// Entry is one part of a dump.
type Entry struct {
	Kind Kind
	DB   int

	// Key is valid until the next call of [Scanner.Next]. A key may be empty.
	Key  []byte
	Type Type
	// Expiry is in Unix milliseconds, 0 for none. What was before 1970 is given as 1.
	Expiry int64
	// Idle is the time since the last use in seconds, where HasIdle (maxmemory-policy LRU at the time of the dump).
	Idle    uint64
	HasIdle bool
	// Freq is the logarithmic counter of use, where HasFreq (maxmemory-policy LFU).
	Freq    uint8
	HasFreq bool
	// Raw is the value without its type byte, as in the dump. It is valid until the next call of Next. It is nil for a
	// value larger than the window: [Entry.Chunks] gives its bytes, [Decode] its elements. The data of a module outside
	// of keys that is larger than the window is lost.
	Raw []byte

	Module  string // name of the module that wrote the value, for TypeModule2 and ModuleAuxEntry
	Keys    uint64 // keys in the database
	Expires uint64 // those of them with an expiry

	// Offset is where the entry begins in the stream, with the expiry and the idle time that stand before the type.
	Offset int64
	// ValueOffset is where Raw begins.
	ValueOffset int64

	from *Scanner // reads a value larger than the window; nil once it is read
	size uint64   // of such a value, once it is read
}

// RawSize is how many bytes Raw has or would have. That of a value larger than the window is 0 until it is read.
func (e *Entry) RawSize() uint64 {
	if e.Raw != nil {
		return uint64(len(e.Raw))
	}
	return e.size
}

// Options of a [Scanner].
type Options struct {
	// Window is how many bytes are held in memory at a time, and so the size of the largest Raw. 0 stands for 256 KiB.
	Window int
	// SkipChecksum leaves the checksum unread, for a second pass over the same bytes.
	SkipChecksum bool
	// Rest leaves what follows the dump to [Scanner.Following] and [Scanner.Rest]. Without it, anything but the mark that ends
	// a diskless transfer is an error, so that no data is dropped unnoticed.
	Rest bool
	// Start reports that the stream does not begin with the dump, but with one of its entries. The checksum is then left unread.
	Start Position
}

// Position is the place of an entry in a dump, to go on from there.
type Position struct {
	Offset  int64 // of the entry; 0 for the beginning of the dump
	DB      int   // the database selected there
	Version int   // of the dump
}

const (
	defaultWindow = 256 << 10
	minWindow     = 64 // the longest thing that is looked at more than once, a length, has 9 bytes
)

// A Scanner reads a dump entry by entry. It must not be used by two goroutines at once.
type Scanner struct {
	w       window
	entry   Entry
	db      int // not in entry, which a Filter may change
	key     []byte
	version int
	started bool
	checked bool
	rest    bool // left to the caller
	sum     uint64
	err     error
}

// NewScanner makes a scanner that reads from r, a window at a time.
func NewScanner(r io.Reader, opts Options) *Scanner {
	size := max(opts.Window, minWindow)
	if opts.Window == 0 {
		size = defaultWindow
	}
	s := &Scanner{key: []byte{}, rest: opts.Rest, w: window{r: r, buf: make([]byte, size), size: size, noSum: opts.SkipChecksum}}
	if at := opts.Start; at.Offset > 0 {
		s.started, s.w.noSum = true, true
		s.w.base, s.db, s.version = at.Offset, at.DB, at.Version
	}
	return s
}

// Version is the RDB version, known after the first call of Next. Valkey's own versions begin at 80.
func (s *Scanner) Version() int { return s.version }

// Offset is how many bytes of the stream have been used.
func (s *Scanner) Offset() int64 { return s.w.offset() }

// Checked says, after Next gave io.EOF, whether the dump has a checksum and it was found right.
func (s *Scanner) Checked() bool { return s.checked }

// Position is where the next entry begins. It is not known before the value of the last one has been read.
func (s *Scanner) Position() Position { return Position{s.w.offset(), s.db, s.version} }

// Checksum is the CRC64 of the dump without its trailer, known when Next has given io.EOF and the checksum was not left
// unread. It is computed for every version.
func (s *Scanner) Checksum() uint64 { return s.sum }

// Next returns the next entry, which is overwritten by the next call. At the end, after the checksum was found right, the
// error is io.EOF; any other error is an *[Error] and stays.
func (s *Scanner) Next() (*Entry, error) {
	if s.err == nil {
		s.err = s.next()
	}
	if s.err != nil {
		return nil, s.err
	}
	return &s.entry, nil
}

// The opcodes, which stand where a type byte could (redis src/rdb.h). Where they differ, 242 and 243 mean one thing in
// Redis 8.6 and another in Valkey 9; neither could be tried, so they are refused.
const (
	opSlotNumber  = 121 // Redis Enterprise: n
	opIdleRE      = 107 // Redis Enterprise: n
	opSlotInfo    = 244 // (12) n, n, n: slot, keys, expires
	opFunction    = 245 // (10) a string
	opFunctionPre = 246 // (10, release candidates of 7.0) name, engine, description, code
	opModuleAux   = 247 // (9) module, when, items
	opIdle        = 248 // (9) n: seconds
	opFreq        = 249 // (9) one byte
	opAux         = 250 // (7) two strings
	opResize      = 251 // (7) n, n
	opExpireMS    = 252 // (3) 8 bytes, little-endian
	opExpire      = 253 // (1) 4 bytes, little-endian
	opSelect      = 254 // (1) n
	opEOF         = 255 // (1) then, since 5, the checksum: 8 bytes, little-endian, 0 for none
)

func (s *Scanner) next() error {
	w, e := &s.w, &s.entry
	if !s.started {
		s.started = true
		if err := s.header(); err != nil {
			return err
		}
	}
	if e.from != nil {
		if err := e.Chunks(nil); err != nil {
			return err
		}
	}
	if err := w.shrink(); err != nil {
		return err
	}
	if cap(s.key) > w.size {
		s.key = []byte{}
	}
	*e = Entry{DB: s.db, Offset: w.offset()}
	for {
		op, err := w.u8()
		if err != nil {
			return err
		}
		var done bool
		switch op {
		case opExpire:
			var p []byte
			if p, err = w.take(4); err == nil {
				e.Expiry = expiry(int64(int32(binary.LittleEndian.Uint32(p))) * 1000)
			}
		case opExpireMS:
			var p []byte
			if p, err = w.take(8); err == nil {
				e.Expiry = expiry(int64(binary.LittleEndian.Uint64(p)))
			}
		case opIdle, opIdleRE:
			e.Idle, err = w.count()
			e.HasIdle = true
		case opFreq:
			e.Freq, err = w.u8()
			e.HasFreq = true
		case opSelect:
			err = s.selectDB()
		case opSlotInfo:
			err = w.skipParts("nnn")
		case opSlotNumber:
			err = w.skipParts("n")
		case opResize:
			done, err = true, s.resize()
		case opAux:
			if s.version < checksumSince { // fields came with version 7
				return &Error{e.Offset, fmt.Sprintf("unexpected field for version %d; the version is damaged, so the checksum cannot be verified", s.version), ErrChecksum}
			}
			done, err = true, s.aux()
		case opFunction, opFunctionPre:
			done, err = true, s.function(op)
		case opModuleAux:
			done, err = true, s.moduleAux()
		case opEOF:
			return s.end()
		default:
			return s.keyValue(op)
		}
		if err != nil || done {
			return err
		}
	}
}

// expiry makes 0 the sign for none, which in the dump is -1 (redis src/rdb.c, rdbLoadRioWithLoadingCtx).
func expiry(ms int64) int64 {
	if ms == -1 {
		return 0
	}
	return max(ms, 1)
}

// magics are what dumps begin with, before the digits of the version.
var magics = [...]string{"REDIS", "VALKEY"}

// maybeMagic reports whether a dump may begin like this.
func maybeMagic(p []byte) bool {
	for _, magic := range magics {
		n := min(len(p), len(magic))
		if string(p[:n]) == magic[:n] {
			return true
		}
	}
	return false
}

func (s *Scanner) header() error {
	const size = len("REDIS0011")
	p, err := s.w.take(uint64(size))
	if errors.Is(err, io.ErrUnexpectedEOF) && !maybeMagic(s.w.buf[:s.w.end]) {
		return &Error{0, notADump(s.w.buf[:s.w.end]), ErrNotDump}
	}
	if err != nil {
		return err
	}
	digits := ""
	for _, magic := range magics {
		if string(p[:len(magic)]) == magic {
			digits = string(p[len(magic):])
		}
	}
	if digits == "" {
		s.w.pos = 0
		_ = s.w.need(sniffLen) // however many there are
		return &Error{0, notADump(s.w.buf[:s.w.end]), ErrNotDump}
	}
	valkey := len(digits) == len("080")
	number, err := strconv.ParseUint(digits, 10, 16)
	s.version = int(number)
	if err != nil || !knownVersion(s.version) || valkey != (s.version >= minValkeyVersion) {
		return &Error{int64(size - len(digits)), fmt.Sprintf("unsupported RDB version %q; supported are 1 to %d of Redis and %d to %d of Valkey",
			digits, maxRedisVersion, minValkeyVersion, maxValkeyVersion), ErrUnsupported}
	}
	return nil
}

func knownVersion(v int) bool {
	return v >= 1 && v <= maxRedisVersion || v >= minValkeyVersion && v <= maxValkeyVersion
}

func (s *Scanner) selectDB() error {
	n, err := s.w.count()
	if err != nil {
		return err
	}
	if n > 1<<31-1 {
		return s.w.errorf("database number %d is too large", n)
	}
	s.db = int(n)
	s.entry.DB = s.db
	return nil
}

func (s *Scanner) resize() (err error) {
	e := &s.entry
	e.Kind = ResizeEntry
	if e.Keys, err = s.w.count(); err == nil {
		e.Expires, err = s.w.count()
	}
	return err
}

func (s *Scanner) aux() error {
	name, err := s.w.str()
	if err != nil {
		return err
	}
	s.key = append(s.key[:0], name...)
	e := &s.entry
	e.Kind, e.Key = AuxEntry, s.key
	e.Raw, err = s.w.str()
	return err
}

// function reads a library. Release candidates of 7.0 wrote its name and engine apart, not yet in the first line of the
// code; 7.0 itself puts them there in this way when it loads such a dump (redis 7.0 src/functions.c).
func (s *Scanner) function(op byte) (err error) {
	e := &s.entry
	e.Kind = FunctionEntry
	if op == opFunction {
		e.Raw, err = s.w.str()
		return err
	}
	name, err := s.w.str()
	if err != nil {
		return err
	}
	s.key = append(s.key[:0], name...)
	engine, err := s.w.str()
	if err != nil {
		return err
	}
	code := fmt.Appendf(nil, "#!%s name=%s\n", engine, s.key)
	described, err := s.w.count()
	if err == nil && described != 0 {
		err = s.w.skipString()
	}
	if err != nil {
		return err
	}
	body, err := s.w.str()
	e.Raw = append(code, body...)
	return err
}

func (s *Scanner) moduleAux() error {
	w, e := &s.w, &s.entry
	e.ValueOffset = w.offset()
	w.holding, w.hold = true, w.pos
	id, err := w.count()
	if err == nil {
		e.Kind, e.Module = ModuleAuxEntry, moduleName(id)
		if err = w.skipParts("nn"); err == nil {
			err = w.skipModule()
		}
	}
	w.holding = false
	if err == errWindowFull {
		w.pos = w.hold
		if err = w.skipParts("nnn"); err == nil {
			err = w.skipModule()
		}
		return err
	}
	e.Raw = w.buf[w.hold:w.pos:w.pos]
	return err
}

// keyValue reads a key and, where the window can hold it, its value.
func (s *Scanner) keyValue(typeByte byte) error {
	w, e := &s.w, &s.entry
	t, wrong := typeOf(typeByte, s.version)
	if wrong != "" {
		return &Error{w.offset() - 1, wrong, ErrUnsupported}
	}
	key, err := w.str()
	if err != nil {
		return err
	}
	s.key = append(s.key[:0], key...)
	e.Key, e.Type, e.ValueOffset = s.key, t, w.offset()
	w.holding, w.hold = true, w.pos
	if t == TypeModule2 {
		var id uint64
		if id, err = w.count(); err != nil {
			return err
		}
		e.Module, w.pos = moduleName(id), w.hold
	}
	err = w.skipValue(t)
	w.holding = false
	if err == errWindowFull {
		w.pos = w.hold
		e.from = s
		return nil
	}
	if err != nil {
		return inKey(err, e.Key)
	}
	e.Raw = w.buf[w.hold:w.pos:w.pos]
	return nil
}

// inKey adds to the error of a dump that was cut in which key that is.
func inKey(err error, key []byte) error {
	e, ok := err.(*Error)
	if !ok || e.Err != io.ErrUnexpectedEOF {
		return err
	}
	const shown = 100
	where := fmt.Sprintf("unexpected end of data in key %q", key)
	if len(key) > shown {
		where = fmt.Sprintf("unexpected end of data in the key that starts with %q", key[:shown])
	}
	return &Error{e.Offset, where + strings.TrimPrefix(e.Message, endsHere), e.Err}
}

// checksumSince is the first version with a checksum.
const checksumSince = 5

// end checks the checksum, which Redis writes since RDB version 5, and as 0 where it is switched off.
func (s *Scanner) end() error {
	w := &s.w
	sum := crcUpdate(w.sum, w.buf[:w.pos])
	s.sum = sum
	if s.version < checksumSince {
		return s.last()
	}
	at := w.offset()
	p, err := w.take(8)
	if err != nil {
		return err
	}
	if want := binary.LittleEndian.Uint64(p); want != 0 && want != sum && !w.noSum {
		return &Error{at, fmt.Sprintf("checksum mismatch: computed %016x, dump has %016x; the dump is damaged, create it again", sum, want), ErrChecksum}
	} else {
		s.checked = want != 0 && !w.noSum
	}
	return s.last()
}

// Unread reports whether it is a value larger than the window that was not read so far.
func (e *Entry) Unread() bool { return e.from != nil }

// Load reads a value larger than the window into Raw where it has at most limit bytes, and reports whether Raw has it. A
// larger value is still unread afterwards. Up to twice the limit is in memory until the next call of [Scanner.Next].
func (e *Entry) Load(limit int) (bool, error) {
	s := e.from
	if e.Raw != nil || s == nil || s.err != nil {
		return e.Raw != nil, nil
	}
	w := &s.w
	for w.holding, w.hold = true, w.pos; ; {
		err := w.skipValue(e.Type)
		if err == errWindowFull && len(w.buf) < limit {
			w.pos = w.hold
			grown := make([]byte, min(2*len(w.buf), limit))
			copy(grown, w.buf[:w.end])
			w.buf = grown
			continue
		}
		w.holding = false
		if err == errWindowFull || err == nil && w.pos-w.hold > limit {
			w.pos = w.hold
			return false, nil
		}
		e.from = nil
		if err != nil {
			s.err = inKey(err, e.Key)
			return false, s.err
		}
		e.Raw = w.buf[w.hold:w.pos:w.pos]
		return true, nil
	}
}

// Chunks returns the bytes of Raw piece by piece; a piece is valid until fn returns. A value larger than the window can
// be read once; with a nil fn it is passed over.
func (e *Entry) Chunks(fn func([]byte) error) error {
	if e.Raw != nil {
		if fn == nil {
			return nil
		}
		return fn(e.Raw)
	}
	return e.stream(func(w *window) error {
		w.sink, w.sinkFrom = fn, w.pos
		defer func() { w.sink = nil }()
		if err := w.skipValue(e.Type); err != nil || fn == nil {
			return err
		}
		return w.drain(w.pos)
	})
}

// stream lets fn use up a value larger than the window. Where fn stops half way, the scanner has lost its place.
func (e *Entry) stream(fn func(*window) error) error {
	s := e.from
	if s == nil {
		return &Error{e.ValueOffset, "the value was already read; it is larger than the window", nil}
	}
	e.from = nil
	if s.err == nil {
		start := s.w.offset()
		s.err = inKey(fn(&s.w), e.Key)
		e.size = uint64(s.w.offset() - start)
	}
	return s.err
}
