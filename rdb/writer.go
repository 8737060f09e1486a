package rdb

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The oldest version that a Writer writes: the first with a checksum (Redis 2.6 reads it).
const minWriterVersion = 5

// A Writer writes a dump.
type Writer struct {
	w       io.Writer
	version int
	db      int
	buf     []byte
	sum     uint64
}

// NewWriter begins a dump of an RDB version: 5 to 15 for Redis, 80 or 81 for Valkey.
func NewWriter(w io.Writer, version int) (*Writer, error) {
	if version < minWriterVersion || !knownVersion(version) {
		return nil, fmt.Errorf("cannot write RDB version %d; use %d to %d or %d to %d", version,
			minWriterVersion, maxRedisVersion, minValkeyVersion, maxValkeyVersion)
	}
	out := &Writer{w: w, version: version, db: -1}
	if version >= minValkeyVersion {
		out.buf = fmt.Appendf(nil, "VALKEY%03d", version)
	} else {
		out.buf = fmt.Appendf(nil, "REDIS%04d", version)
	}
	return out, nil
}

// Write writes an entry. The value is written as it stands, so its type must be one that the version has; [Reencode]
// gives it another where it is not. What the version cannot say is left out: aux fields and sizes before 7, idle time and
// frequency before 9.
func (w *Writer) Write(e *Entry) error {
	switch e.Kind {
	case AuxEntry:
		if w.version >= 7 {
			w.buf = AppendString(AppendString(append(w.buf, opAux), e.Key), e.Raw)
		}
	case ResizeEntry:
		if w.version >= 7 {
			w.selectDB(e.DB)
			w.buf = AppendLength(AppendLength(append(w.buf, opResize), e.Keys), e.Expires)
		}
	case FunctionEntry:
		if w.version < 10 {
			return cannotHold(e, w.version, "functions", 10)
		}
		w.buf = AppendString(append(w.buf, opFunction), e.Raw)
	case KeyEntry:
		return w.writeKey(e)
	case ModuleAuxEntry:
		switch {
		case w.version < 9:
			return cannotHold(e, w.version, "module data outside of keys", 9)
		case e.Raw == nil:
			return &Error{e.Offset, fmt.Sprintf("the data of module %q outside of keys is too large", e.Module), ErrUnsupported}
		}
		w.buf = append(append(w.buf, opModuleAux), e.Raw...)
	}
	return w.flush(writeBuffer)
}

func (w *Writer) writeKey(e *Entry) error {
	if !fits(e.Type, w.version) {
		return cannotHold(e, w.version, "a "+e.Type.String(), e.Type.Since())
	}
	w.selectDB(e.DB)
	if e.Expiry != 0 {
		w.buf = binary.LittleEndian.AppendUint64(append(w.buf, opExpireMS), uint64(e.Expiry))
	}
	if e.HasIdle && w.version >= 9 {
		w.buf = AppendLength(append(w.buf, opIdle), e.Idle)
	}
	if e.HasFreq && w.version >= 9 {
		w.buf = append(w.buf, opFreq, e.Freq)
	}
	w.buf = AppendString(append(w.buf, e.Type.Byte()), e.Key)
	return e.Chunks(func(p []byte) error {
		w.buf = append(w.buf, p...)
		return w.flush(writeBuffer)
	})
}

func (w *Writer) selectDB(db int) {
	if db != w.db {
		w.buf = AppendLength(append(w.buf, opSelect), uint64(db))
		w.db = db
	}
}

// Close writes the end and the checksum. It does not close the writer below.
func (w *Writer) Close() error {
	w.buf = append(w.buf, opEOF)
	if err := w.flush(0); err != nil {
		return err
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, w.sum)
	return w.flush(0)
}

const writeBuffer = 64 << 10

// flush writes what is buffered, if it is at least as much as that.
func (w *Writer) flush(least int) error {
	if len(w.buf) < least {
		return nil
	}
	w.sum = crcUpdate(w.sum, w.buf)
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}
