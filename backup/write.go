package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"filippo.io/age"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Options of a backup.
type Options struct {
	Time       time.Time // when it begins
	Source     string    // what the record says of the server
	Recipients []age.Recipient
	// Checking is called before the dump is read back; it may be nil.
	Checking func(size int64)
}

// Write writes a backup: what fill writes, compressed and for recipients encrypted. Then it reads the file back and compares it with what
// was written, and only then writes the record. An error of fill is returned as it is.
func Write(ctx context.Context, s Store, o Options, fill func(context.Context, io.Writer) (Dump, error)) (Record, error) {
	began := o.Time.UTC().Truncate(time.Second)
	base := began.Format(stamp)
	r := Record{Version: recordVersion, Time: began, Source: o.Source, File: base + dumpSuffix, Sealed: len(o.Recipients) > 0}
	if r.Sealed {
		r.File = base + sealedSuffix
	}
	sum := &summed{Hash: sha256.New()}
	from, to := io.Pipe()
	filling, stop := context.WithCancel(ctx)
	defer stop()
	filled := make(chan struct{})
	var failed atomic.Pointer[error] // of fill, before the store has stopped reading
	go func() {
		defer close(filled)
		var err error
		if r.Dump, err = pack(filling, io.MultiWriter(to, sum), o.Recipients, fill); err != nil {
			failed.Store(&err)
		}
		to.CloseWithError(err) // nil ends the file
	}()
	err := s.Put(ctx, r.File, from)
	cause := failed.Load()
	stop()
	from.Close()
	<-filled
	switch {
	case err != nil && cause != nil:
		return Record{}, *cause
	case err != nil:
		return Record{}, inStore(s, "write", r.File, err)
	}
	r.Size, r.SHA256 = sum.n, sum.hex()
	if o.Checking != nil {
		o.Checking(r.Size)
	}
	if err := Check(ctx, s, r); err != nil {
		return Record{}, err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Record{}, err
	}
	if err := s.Put(ctx, base+recordSuffix, bytes.NewReader(append(text, '\n'))); err != nil {
		return Record{}, inStore(s, "write", base+recordSuffix, err)
	}
	return r, nil
}

// pack compresses what fill writes, and encrypts it for recipients.
func pack(ctx context.Context, w io.Writer, recipients []age.Recipient, fill func(context.Context, io.Writer) (Dump, error)) (Dump, error) {
	sealed := io.WriteCloser(nopCloser{w})
	if len(recipients) > 0 {
		var err error
		if sealed, err = age.Encrypt(w, recipients...); err != nil {
			return Dump{}, err
		}
	}
	z, err := rdb.Compress(sealed, rdb.Zstd)
	if err != nil {
		return Dump{}, err
	}
	plain := &counted{w: z}
	dump, err := fill(ctx, plain)
	dump.Bytes = plain.n
	if err != nil {
		z.Close() // which frees its buffers; the file is given up
		return Dump{}, err
	}
	if err := z.Close(); err != nil {
		return Dump{}, err
	}
	return dump, sealed.Close()
}

// Check reads the dump of a backup and compares it with the record.
func Check(ctx context.Context, s Store, r Record) error {
	body, err := s.Open(ctx, r.File)
	if err != nil {
		return inStore(s, "read", r.File, err)
	}
	defer body.Close()
	sum := &summed{Hash: sha256.New()}
	if _, err := io.Copy(sum, io.LimitReader(body, r.Size+1)); err != nil {
		return inStore(s, "read", r.File, err)
	}
	return inStore(s, "use", r.File, sum.is(r))
}

// ErrDamaged is the error of a dump that is not what was written.
var ErrDamaged = errors.New("it is damaged")

// summed counts and sums up what is written to it.
type summed struct {
	hash.Hash
	n int64
}

func (s *summed) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.Hash.Write(p)
}

func (s *summed) hex() string { return hex.EncodeToString(s.Sum(nil)) }

// is returns an error unless all that was written is the dump of a record.
func (s *summed) is(r Record) error {
	switch {
	case s.n != r.Size:
		return fmt.Errorf("%w: the record says %d bytes, but there are %d%s", ErrDamaged, r.Size, min(s.n, r.Size+1), map[bool]string{true: " or more"}[s.n > r.Size])
	case s.hex() != r.SHA256:
		return fmt.Errorf("%w: its SHA-256 is not that of the record", ErrDamaged)
	}
	return nil
}

func inStore(s Store, what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s %s of %s: %w", what, name, s, err)
}

// counted counts what is written through it.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
