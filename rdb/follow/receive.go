package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

// ackEvery is how often the source hears how far we are. A replica says so each second (redis src/replication.c, replicationCron); but
// before 7.2, a source that sent the dump without a size begins with the stream at the first of them after it has noticed that its
// child ended (src/replication.c, replconfCommand).
const ackEvery = 200 * time.Millisecond

// errAnew is the end of a stream that the source cannot go on with.
var errAnew = errors.New("the source sends a new snapshot")

// A receiver takes in the stream of the source and connects again where the link breaks.
type receiver struct {
	source   *redis.Target
	patience time.Duration
	queue    *queue
	log      func(format string, args ...any)
	applied  *atomic.Int64 // offset that has been carried out

	mu     sync.Mutex
	stream *snapshot.Stream // of the moment; may be nil
	// fresh is a stream that begins with a dump, which the source sent instead of going on.
	fresh   *snapshot.Stream
	at      snapshot.Position // of the last byte in the queue
	resumed int               // times that the source went on from where the link broke

	forget  context.CancelFunc // ends the stream that was opened last
	stop    context.CancelFunc
	ended   context.CancelCauseFunc // called with the reason when nothing more arrives
	running sync.WaitGroup
}

// receive takes in a stream, whose dump was read, until close is called. The context that it returns ends with the stream.
func (f *Follower) receive(parent context.Context, first *snapshot.Stream) (*receiver, context.Context) {
	ctx, stop := context.WithCancel(parent)
	flowing, ended := context.WithCancelCause(parent)
	r := &receiver{source: f.source, patience: f.link.Patience, queue: &queue{create: f.opts.Temp}, log: f.log, applied: &f.applied, stream: first, at: first.From, stop: stop, ended: ended}
	r.running.Go(func() {
		err := r.run(ctx, parent, first)
		r.queue.end(err)
		ended(err)
	})
	r.running.Go(func() {
		tick := time.NewTicker(ackEvery)
		defer tick.Stop()
		for {
			r.ack()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return r, flowing
}

// close ends the link and removes what waits. It returns the stream that begins with a dump, if there is one.
func (r *receiver) close() *snapshot.Stream {
	r.stop()
	r.mu.Lock()
	if r.stream != nil {
		r.stream.Close()
	}
	if r.forget != nil && r.fresh == nil {
		r.forget()
	}
	r.mu.Unlock()
	r.running.Wait()
	r.queue.close()
	r.ended(nil)
	return r.fresh
}

// ack reports what has been carried out. What goes wrong shows when reading.
func (r *receiver) ack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stream != nil {
		_ = r.stream.Ack(r.applied.Load())
	}
}

// position returns the history of the stream and what has arrived of it.
func (r *receiver) position() snapshot.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *receiver) run(ctx, parent context.Context, stream *snapshot.Stream) error {
	buf := make([]byte, 256<<10)
	for {
		err := r.read(stream, buf)
		r.mu.Lock()
		r.stream = nil
		r.mu.Unlock()
		stream.Close()
		var local *localError
		if ctx.Err() != nil || errors.As(err, &local) {
			return err
		}
		r.log("the link to the source broke: %v", err)
		if stream, err = r.again(ctx, parent); err != nil {
			return err
		}
	}
}

// A localError has nothing to do with the link.
type localError struct{ err error }

func (e *localError) Error() string {
	return fmt.Sprintf("cannot keep the stream in a temporary file: %v", e.err)
}
func (e *localError) Unwrap() error { return e.err }

func (r *receiver) read(stream *snapshot.Stream, buf []byte) error {
	for {
		n, err := stream.Read(buf)
		if n > 0 {
			if e := r.queue.write(buf[:n]); e != nil {
				return &localError{e}
			}
			r.mu.Lock()
			r.at.Offset += int64(n)
			r.mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
}

// again connects until the source goes on with the stream, or begins with a new dump.
func (r *receiver) again(ctx, parent context.Context) (*snapshot.Stream, error) {
	at := r.position()
	opening, forget := context.WithCancel(parent) // a stream that begins with a dump outlives the receiver
	r.mu.Lock()
	if r.forget != nil {
		r.forget()
	}
	r.forget = forget
	r.mu.Unlock()
	if ctx.Err() != nil {
		forget()
	}
	stream, err := open(opening, r.source, &at, r.patience)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stream.Dump != nil {
		r.fresh = stream
		return nil, errAnew
	}
	r.resumed++
	r.stream, r.at = stream, stream.From
	r.log("resumed at offset %d of the source (partial resynchronization)", at.Offset)
	return stream, nil
}

// open connects to the source until it sends its stream, for as long as patience says.
func open(ctx context.Context, source *redis.Target, from *snapshot.Position, patience time.Duration) (*snapshot.Stream, error) {
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		stream, err := snapshot.Follow(ctx, source, from, snapshot.Options{})
		switch {
		case err == nil && stream.Source.Role == "slave":
			stream.Close()
			err = fmt.Errorf("%s is a replica, on which writes cannot be paused; pass its master, or Sentinel (redis+sentinel://HOST/MASTER)", stream.Source.Addr)
			if source.Master == "" {
				return nil, err
			}
		case err == nil:
			return stream, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, snapshot.ErrForbidden), errors.Is(err, redis.ErrWrongPassword), errors.Is(err, redis.ErrNoPassword), redis.Code(err) == "NOAUTH":
			return nil, err
		}
		if time.Since(began) > patience {
			return nil, fmt.Errorf("the source was unreachable for %v: %w", patience, err)
		}
		if err := server.Pause(ctx, backoff); err != nil {
			return nil, err
		}
	}
}

// spool keeps the dump of a stream in a temporary file, as fast as the source sends it.
func (f *Follower) spool(stream *snapshot.Stream) (File, int64, error) {
	file, err := f.opts.Temp()
	if err != nil {
		return nil, 0, err
	}
	began, size := time.Now(), int64(0)
	buf := make([]byte, 256<<10)
	for shown := began; ; {
		n, err := stream.Dump.Read(buf)
		if n > 0 {
			if _, e := file.Write(buf[:n]); e != nil {
				file.Remove()
				return nil, 0, &localError{e}
			}
			size += int64(n)
		}
		if time.Since(shown) > statusEvery {
			shown = time.Now()
			f.show(Status{Stage: "receiving the snapshot", Bytes: size, Total: max(stream.Dump.Size, 0), Lag: -1, Elapsed: time.Since(began)})
		}
		if err == io.EOF {
			return file, size, nil
		}
		if err != nil {
			file.Remove()
			return nil, 0, err
		}
	}
}
