package send

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A worker is one connection, made anew as often as it breaks.
type worker struct {
	pass  *pass
	route *route

	mu       sync.Mutex
	inFlight []*batch // in the order of their replies
}

// run works until all batches of the pass are answered.
func (w *worker) run(ctx context.Context) error {
	backoff, answered, since := server.FirstBackoff, w.pass.answered.Load(), time.Now()
	for {
		conn, err := w.pass.Connect(ctx, w.route.addr)
		if err != nil {
			return err
		}
		err = w.serve(ctx, conn)
		conn.Close()
		if err == nil || ctx.Err() != nil {
			return err
		}
		var fatal *server.FatalError
		var restarted *server.RestartedError
		if errors.As(err, &fatal) || errors.As(err, &restarted) {
			return err
		}
		w.pass.Progress.Waiting(server.WhyWaiting(err))
		w.requeue()
		if now := w.pass.answered.Load(); now != answered {
			backoff, answered, since = server.FirstBackoff, now, time.Now()
			continue
		}
		if time.Since(since) > w.pass.Options.Patience {
			return server.Fatal(fmt.Errorf("no key could be written for %v: %w", w.pass.Options.Patience, server.Advise(err)))
		}
		if err := server.Pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, server.MaxBackoff)
	}
}

// requeue has what was not answered sent again.
func (w *worker) requeue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.inFlight {
		b.resent = true
	}
	w.route.pushFirst(w.inFlight)
	w.inFlight = nil
}

// A flight is a batch of which the replies are due.
type flight struct {
	*batch
	selected bool // the reply of SELECT comes before
}

// serve writes batches and reads replies at the same time.
func (w *worker) serve(ctx context.Context, conn *redis.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	flights := make(chan flight, 64)
	read := make(chan error, 1)
	go func() {
		err := w.readAll(ctx, conn, flights)
		if err != nil {
			cancel(err) // ends the writer
		}
		read <- err
	}()
	err := w.writeAll(ctx, conn, flights)
	close(flights)
	if err != nil {
		conn.Close() // ends the reader
	}
	// The reader knows better: a server may say why before it hangs up.
	if readErr := <-read; readErr != nil {
		return readErr
	}
	return err
}

func (w *worker) writeAll(ctx context.Context, conn *redis.Conn, flights chan<- flight) error {
	db := w.pass.Target.DB
	for {
		b, err := w.next(ctx)
		if b == nil || err != nil {
			return err
		}
		w.mu.Lock()
		w.inFlight = append(w.inFlight, b)
		w.mu.Unlock()
		out, f := b.pending(), flight{batch: b, selected: b.db != db}
		for i := range b.keys {
			if k := &b.keys[i]; k.how == byTransaction && !k.done {
				w.pass.Sent.Made(2, w.pass.Options.Existing == plan.Replace)
				for _, c := range k.removes {
					c.Add(1)
				}
			}
		}
		if f.selected {
			db = b.db
			out = append(redis.AppendCommand(nil, []byte("SELECT"), []byte(strconv.Itoa(db))), out...)
		}
		select {
		case flights <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := conn.SetWriteDeadline(time.Now().Add(server.WriteTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}

// next returns the batch to send, or nil when no more will come.
func (w *worker) next(ctx context.Context) (*batch, error) {
	for {
		if b := w.route.pop(); b != nil {
			return b, nil
		}
		select {
		case <-w.route.more:
		case <-w.pass.finished:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (w *worker) readAll(ctx context.Context, conn *redis.Conn, flights <-chan flight) error {
	for f := range flights {
		if err := conn.SetReadDeadline(time.Now().Add(server.ReplyTimeout)); err != nil {
			return err
		}
		if f.selected {
			if err := conn.ReadOK(); redis.Code(err) != "" && server.ClassifyReply(redis.Error(err.Error())) != server.TryAgain {
				return server.Fatal(server.Advise(err))
			} else if err != nil {
				return err
			}
		}
		if err := w.readBatch(ctx, conn, f.batch); err != nil {
			return err
		}
		w.mu.Lock()
		w.inFlight[0] = nil
		w.inFlight = w.inFlight[1:]
		w.mu.Unlock()
		w.pass.done(f.batch)
	}
	return nil
}

// readBatch reads the replies of a batch. Where keys have to be sent again, the error says why, and the replies of the keys
// behind them have been read all the same where the connection allows it.
func (w *worker) readBatch(ctx context.Context, conn *redis.Conn, b *batch) error {
	var retry error
	var elsewhere []redirect
	if due := b.leastReply(); due > 0 {
		if err := conn.AwaitBytes(due); err != nil {
			return err
		}
	}
	for i := range b.keys {
		k := &b.keys[i]
		if k.done {
			continue
		}
		refused, err := readKey(conn, k, &w.pass.Losses)
		if err != nil {
			return err
		}
		if refused == "" {
			w.pass.written(b, k)
			continue
		}
		switch server.ClassifyReply(refused) {
		case server.Exists:
			w.pass.existed(b, k)
		case server.TryAgain:
			retry = refused
		case server.Moved, server.Ask:
			if !w.pass.Server.Cluster {
				return server.Fatal(server.Advise(refused))
			}
			elsewhere = append(elsewhere, redirect{k, refused})
		case server.GiveUp:
			k.done, b.stuck = true, true
			w.pass.giveUp(server.Advise(refused))
		case server.KeyFailed:
			w.pass.failed(b, k, refused)
		}
	}
	if len(elsewhere) > 0 {
		if err := w.pass.redirect(ctx, b, elsewhere); err != nil {
			return err
		}
	}
	return retry
}
