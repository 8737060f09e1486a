package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A route leads to one server: the target, or a node of its cluster. Its workers share the batches.
type route struct {
	addr string // of a node; "" for the target itself

	mu      sync.Mutex
	batches []*batch      // to be sent
	more    chan struct{} // has an element where batches may have one
}

func newRoute(addr string) *route { return &route{addr: addr, more: make(chan struct{}, 1)} }

// push has a batch sent. It never waits: the window bounds how many there are.
func (r *route) push(b *batch) {
	r.mu.Lock()
	r.batches = append(r.batches, b)
	r.mu.Unlock()
	r.wake()
}

// pushFirst has batches sent again, before all others.
func (r *route) pushFirst(batches []*batch) {
	r.mu.Lock()
	r.batches = slices.Concat(batches, r.batches)
	r.mu.Unlock()
	r.wake()
}

func (r *route) wake() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *route) pop() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.batches) == 0 {
		return nil
	}
	b := r.batches[0]
	r.batches[0] = nil
	r.batches = r.batches[1:]
	if len(r.batches) > 0 {
		r.wake() // another worker
	}
	return b
}

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
		conn, err := w.pass.im.Connect(ctx, w.route.addr)
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
		w.pass.im.Progress.Waiting("lost the connection: " + err.Error())
		w.requeue()
		if now := w.pass.answered.Load(); now != answered {
			backoff, answered, since = server.FirstBackoff, now, time.Now()
			continue
		}
		if time.Since(since) > w.pass.im.Options.Patience {
			return server.Fatal(fmt.Errorf("no key could be written for %v: %w", w.pass.im.Options.Patience, server.Advise(err)))
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, server.MaxBackoff)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
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
	db := w.pass.im.Target.DB
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
				w.pass.im.Sent.Made(2, w.pass.im.Options.Existing == plan.Replace)
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
	for i := range b.keys {
		k := &b.keys[i]
		if k.done {
			continue
		}
		refused, err := readKey(conn, k, &w.pass.im.Losses)
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
			if !w.pass.im.Server.Cluster {
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

// readKey reads the replies of a key and gives the first one that refuses.
func readKey(conn *redis.Conn, k *keyRef, uses *account.Losses) (redis.Error, error) {
	var refused redis.Error
	for i := range k.replies {
		last := i == k.replies-1
		if k.how == byRestore && last {
			if err := conn.ReadOK(); err != nil && !errors.As(err, &refused) {
				return "", err
			}
			continue
		}
		reply, err := conn.ReadReply()
		var e redis.Error
		switch {
		case errors.As(err, &e):
		case err != nil:
			return "", err
		case k.how == bySet && reply == nil:
			e = "BUSYKEY"
		case k.how == byTransaction && last:
			e = renamed(reply, k.lasting)
			if list, ok := reply.([]any); ok && e == "" {
				for _, r := range list {
					if unclaimed(r) {
						uses.Unclaimed.Add(1)
					}
				}
			}
		}
		if refused == "" {
			refused = e
		}
	}
	return refused, nil
}

// renamed returns what was wrong with a transaction that ends with RENAMENX and UNLINK.
func renamed(reply any, lasting bool) redis.Error {
	list, _ := reply.([]any)
	refused := insideError(reply)
	switch {
	case strings.HasPrefix(string(refused), "ERR no such key") && !lasting:
		return "" // it expired in between
	case refused == "" && len(list) > 1 && list[len(list)-2] == int64(0):
		return "BUSYKEY"
	}
	return refused
}

func isEmpty(payload []byte) bool {
	e, _, err := rdb.ParseDump(payload)
	if err != nil {
		return false
	}
	return plan.IsEmpty(e)
}
