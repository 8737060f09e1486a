package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Position is a place in the stream of writes of a master.
type Position struct {
	ReplID string // the history that Offset counts in (INFO, master_replid)
	Offset int64  // of the last byte before it
}

// A Stream is the writes of a master as its replicas get them. Where it begins with a dump, Read gives bytes only after the dump was
// read to its end. Read and [Stream.Ack] may be called at the same time.
type Stream struct {
	Source Source
	// From is where the stream begins. Its history is another than that asked for where a replica has become the master.
	From Position
	// Dump is the data up to From; nil where the server goes on from the position that was asked for.
	Dump *Snapshot

	snapshot *Snapshot
	rest     []byte // of the stream, read together with the end of the dump
}

// Follow has the master send its writes from a position on, or, where it is nil or the server does not have them any more, a dump
// and all writes after it. The server counts us among its replicas: it keeps what we have not read in memory, up to
// client-output-buffer-limit, and closes the connection beyond. The context ends the stream. An error with [ErrForbidden] in
// its chain says that the user may not replicate.
func Follow(ctx context.Context, t *redis.Target, from *Position, opts Options) (*Stream, error) {
	opts.FromMaster = true
	conn, src, err := connect(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Source: src, conn: conn, ctx: ctx, timeout: opts.idleTimeout(), waiting: opts.Waiting}
	s.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	f := &Stream{Source: src, snapshot: s}
	if err := f.begin(from); err != nil {
		s.Close()
		return nil, err
	}
	return f, nil
}

// begin asks for the stream and reads up to the first byte of it or of the dump.
func (f *Stream) begin(from *Position) error {
	s := f.snapshot
	// psync2 has the server name its history when it goes on (redis src/replication.c, masterTryPartialResynchronization).
	if err := s.configure([]string{"REPLCONF", "capa", "psync2"}); err != nil {
		return err
	}
	ask := []string{"PSYNC", "?", "-1"}
	if from != nil {
		ask = []string{"PSYNC", from.ReplID, strconv.FormatInt(from.Offset+1, 10)}
	}
	reply, err := s.conn.Text(s.ctx, ask...)
	var refused redis.Error
	if errors.As(err, &refused) && !temporary(refused) {
		return fmt.Errorf("%s rejects PSYNC (%s); the user needs +psync +replconf: %w", s.Source.Addr, refused, ErrForbidden)
	}
	if err != nil {
		return s.explain(err)
	}
	words := strings.Fields(reply)
	switch {
	case len(words) > 0 && words[0] == "CONTINUE" && from != nil:
		f.From = *from
		if len(words) > 1 {
			f.From.ReplID = words[1]
		}
		return nil
	case len(words) == 3 && words[0] == "FULLRESYNC":
		f.From.ReplID = words[1]
		if f.From.Offset, err = strconv.ParseInt(words[2], 10, 64); err == nil && f.From.Offset >= 0 {
			f.Dump = s
			return s.explain(s.header())
		}
	}
	return fmt.Errorf("%s: unexpected reply to PSYNC: %.60q; check that it is a Redis server", s.Source.Addr, reply)
}

// Read returns the next bytes of the stream, and waits for them. A master sends a PING every 10 s (repl-ping-replica-period), so
// that silence is an error.
func (f *Stream) Read(p []byte) (int, error) {
	s := f.snapshot
	if f.Dump != nil {
		if s.mark != nil { // what follows the mark
			f.rest = s.held[min(len(s.held), markLength):]
		}
		f.Dump = nil
	}
	if n := copy(p, f.rest); n > 0 {
		f.rest = f.rest[n:]
		return n, nil
	}
	if err := s.extend(); err != nil {
		return 0, err
	}
	n, err := s.conn.Reader().Read(p)
	switch {
	case err == nil || n > 0:
		return n, nil
	case s.ctx.Err() != nil:
		return 0, context.Cause(s.ctx)
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("%s closed the replication link", s.Source.Addr)
	}
	return 0, fmt.Errorf("%s: replication link: %w", s.Source.Addr, err)
}

// Ack reports up to which offset the stream has been carried out. The server needs to hear that within repl-timeout (60 s), again and
// again, and before it begins with the stream after a dump without a size.
func (f *Stream) Ack(offset int64) error {
	s := f.snapshot
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(redis.AppendCommand(nil, []byte("REPLCONF"), []byte("ACK"), strconv.AppendInt(nil, offset, 10)))
	return err
}

// Close ends the connection; the server forgets its replica.
func (f *Stream) Close() error { return f.snapshot.Close() }
