package follow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	// A transaction of ours has about so many commands and bytes, unless one of the source has more: a target is busy for a few
	// milliseconds with it.
	batchCommands = 1000
	batchBytes    = 1 << 20
	// maxTransaction bounds a transaction of the source in bytes, which is carried out whole.
	maxTransaction = 1 << 30
	// idleWait is how long to wait for more of the stream.
	idleWait = 20 * time.Millisecond
)

// An applier carries out the stream in the target.
type applier struct {
	parser parser
	write  rewriter
	conn   *redis.Conn // with database 0; may be nil

	db     int   // that the stream writes to
	multi  bool  // within a transaction of the source
	end    int64 // of the last command that is not within a transaction
	ask    bool  // the source wants to know how far we are
	marked mark  // in the target
	next   *mark // that the target may have, too, because the batch was sent; nil for none

	batch   []sent    // commands of the batch
	batchDB int       // that the batch has selected
	touched time.Time // when a write came last
	buf     []byte
}

// A sent command is named where the target refuses it.
type sent struct {
	name, key string
	db        int
	offset    int64
}

// start begins with a position of the stream.
func (f *Follower) start(at mark) {
	if f.applier != nil {
		f.applier.disconnect()
	}
	f.applier = &applier{db: at.db, end: at.Offset, marked: at, buf: make([]byte, 256<<10), touched: time.Now()}
	f.applier.parser.offset = at.Offset
	f.applier.write = rewriter{shift: f.plan.Shift, hold: held, now: f.plan.Now}
}

// follow carries out the stream until the cut-over.
func (f *Follower) follow(ctx context.Context) error {
	for {
		if err := f.shownStep(ctx, "following"); err != nil {
			return err
		}
		if !f.caughtUp() {
			continue
		}
		f.following.Store(true)
		if f.asked.Load() {
			done, err := f.cutOver(ctx)
			if err != nil || done {
				return err
			}
		}
	}
}

func (f *Follower) showLag(stage string) {
	f.show(Status{Stage: stage, Bytes: f.applied.Load(), Lag: f.lag(), Commands: f.commands.Load(), Elapsed: time.Since(f.began)})
}

// shownStep is a step of a stage that is shown now and then, unless the context has ended.
func (f *Follower) shownStep(ctx context.Context, stage string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.step(ctx, idleWait); err != nil {
		return err
	}
	if time.Since(f.shown) > statusEvery {
		f.shown = time.Now()
		f.showLag(stage)
	}
	return nil
}

// step carries out what of the stream has arrived, at most a buffer of it, and waits for more for so long.
func (f *Follower) step(ctx context.Context, wait time.Duration) error {
	a := f.applier
	n, err := f.receiver.queue.read(a.buf, wait)
	if n > 0 {
		a.parser.feed(a.buf[:n])
		return f.carryOut(ctx)
	}
	return err
}

// carryOut carries out the commands that are there as a whole.
func (f *Follower) carryOut(ctx context.Context) error {
	a := f.applier
	for {
		c, ok, err := a.parser.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		a.add(c)
		switch {
		case a.multi && len(a.write.out) > maxTransaction:
			return fmt.Errorf("a transaction of the source before offset %d is larger than 1 GiB; stop the writers and import without --follow", c.end)
		case !a.multi && (len(a.batch) >= batchCommands || len(a.write.out) >= batchBytes):
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
	if a.multi {
		return nil
	}
	return f.flush(ctx)
}

// add takes a command of the stream into the batch.
func (a *applier) add(c command) {
	name := strings.ToUpper(string(c.args[0]))
	switch name {
	case "SELECT":
		if len(c.args) == 2 {
			if db, err := strconv.Atoi(string(c.args[1])); err == nil && db >= 0 {
				a.db = db
			}
		}
	case "MULTI":
		a.multi = true
	case "EXEC":
		a.multi = false
	case "PING", "PUBLISH", "SPUBLISH": // messages are no data
	case "REPLCONF":
		a.ask = a.ask || len(c.args) > 1 && strings.EqualFold(string(c.args[1]), "GETACK")
	default:
		a.touched = time.Now()
		if name == "SWAPDB" { // the mark must not go elsewhere
			a.selectDB(0)
			a.command(sent{"DEL", markKey, 0, c.end}, func() { a.write.add([]byte("DEL"), []byte(markKey)) })
		}
		a.selectDB(a.db)
		s := sent{name: name, db: a.db, offset: c.end}
		if len(c.args) > 1 {
			s.key = string(c.args[1][:min(len(c.args[1]), 200)])
		}
		a.command(s, func() { a.write.write(c, a.db) })
	}
	if !a.multi {
		a.end = c.end
	}
}

// command notes which command of the stream those are that write appends.
func (a *applier) command(s sent, write func()) {
	write()
	for len(a.batch) < a.write.count {
		a.batch = append(a.batch, s)
	}
}

func (a *applier) selectDB(db int) {
	if db != a.batchDB {
		a.command(sent{"SELECT", strconv.Itoa(db), db, a.end}, func() { a.write.add([]byte("SELECT"), strconv.AppendInt(nil, int64(db), 10)) })
		a.batchDB = db
	}
}

// flush has the target carry out the batch, together with the mark.
func (f *Follower) flush(ctx context.Context) error {
	a := f.applier
	if len(a.batch) > 0 {
		next := mark{db: a.db}
		next.ReplID, next.Offset = f.receiver.position().ReplID, a.end
		a.selectDB(0)
		a.command(sent{"SET", markKey, 0, a.end}, func() { a.write.add([]byte("SET"), []byte(markKey), []byte(next.String())) })
		if err := f.transact(ctx, next); err != nil {
			return err
		}
		f.commands.Add(uint64(len(a.batch) - 1))
		a.marked, a.batch, a.write.out, a.write.count = next, a.batch[:0], a.write.out[:0], 0
	}
	f.applied.Store(a.end)
	if a.ask {
		a.ask = false
		f.receiver.ack()
	}
	return nil
}

// transact sends the batch until the target has confirmed it, once.
func (f *Follower) transact(ctx context.Context, next mark) error {
	a := f.applier
	a.next = &next
	defer func() { a.next = nil }()
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		err := f.connect(ctx)
		if errors.Is(err, errCarriedOut) {
			return nil
		}
		if err == nil {
			err = f.send(ctx)
		}
		var refused *refusedError
		var older *olderError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &refused) && !refused.again(), errors.As(err, &older), server.IsFinal(err):
			return err
		case time.Since(began) > f.link.Patience:
			return fmt.Errorf("the target was unreachable for %v: %w", f.link.Patience, err)
		}
		a.disconnect()
		if refused == nil {
			f.log("lost the connection to the target: %v", err)
		}
		if err := server.Pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// errCarriedOut reports that the target has carried out the batch whose replies were lost.
var errCarriedOut = errors.New("carried out")

func (a *applier) disconnect() {
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
	}
}

// An olderError reports that the target has lost writes that it had confirmed: it was restarted, or a replica has become the master.
type olderError struct{ mark *mark } // that it has now; nil for none

func (e *olderError) Error() string {
	if e.mark == nil {
		return "the target has lost its data (a restart without persistence, or another server); a new snapshot is imported"
	}
	return fmt.Sprintf("the target has lost its last writes (a restart or failover) and is at offset %d of the source; they are requested again", e.mark.Offset)
}

// connect connects to the target, unless it is, and makes sure that it has what it had confirmed.
func (f *Follower) connect(ctx context.Context) error {
	a := f.applier
	if a.conn != nil {
		return nil
	}
	conn, err := f.link.Connect(ctx, "")
	if err != nil {
		return err
	}
	there, err := getMark(ctx, conn)
	if err != nil {
		conn.Close()
		return err
	}
	a.conn = conn
	switch {
	case there == nil:
		return &olderError{}
	case there.String() == a.marked.String():
		return nil
	case a.next != nil && there.String() == a.next.String():
		return errCarriedOut
	}
	return &olderError{there}
}

// A refusedError reports which write the target does not carry out.
type refusedError struct {
	sent
	reply   redis.Error
	partial bool // the transaction that it belongs to was carried out without it
}

// again reports that the target may carry it out later.
func (e *refusedError) again() bool {
	return !e.partial && server.ClassifyReply(e.reply) == server.TryAgain
}

func (e *refusedError) Error() string {
	what := fmt.Sprintf("the target rejects %s of key %q in database %d, at offset %d of the source: %v", e.name, e.key, e.db, e.offset, server.Advise(e.reply))
	if e.partial {
		return what + "; the target differs from the source from there on; start again with --flush once the target supports it"
	}
	return what + "; nothing after that was written"
}

// send sends the batch as one transaction and reads all replies.
func (f *Follower) send(ctx context.Context) error {
	a := f.applier
	conn := a.conn
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.SetDeadline(time.Now().Add(server.WriteTimeout)); err != nil {
		return err
	}
	out := redis.AppendCommand(make([]byte, 0, len(a.write.out)+64), []byte("MULTI"))
	out = redis.AppendCommand(append(out, a.write.out...), []byte("EXEC"))
	if _, err := conn.Write(out); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(server.ReplyTimeout)); err != nil {
		return err
	}
	var refused *refusedError
	for i := -1; i < len(a.batch); i++ { // MULTI and the commands
		_, err := conn.ReadReply()
		var reply redis.Error
		switch {
		case errors.As(err, &reply) && i < 0:
			refused = &refusedError{sent: sent{name: "MULTI", offset: a.batch[0].offset}, reply: reply}
		case errors.As(err, &reply) && refused == nil:
			refused = &refusedError{sent: a.batch[i], reply: reply}
		case err != nil && reply == "":
			return err
		}
	}
	reply, err := conn.ReadReply() // EXEC
	if refused != nil {
		return refused
	}
	var denied redis.Error
	if errors.As(err, &denied) {
		return &refusedError{sent: sent{name: "EXEC", offset: a.end}, reply: denied}
	}
	if err != nil {
		return err
	}
	list, _ := reply.([]any)
	if len(list) != len(a.batch) {
		return server.Fatal(fmt.Errorf("unexpected reply to EXEC: %d of %d replies; check that the target is a Redis server", len(list), len(a.batch)))
	}
	for i, r := range list {
		if reply, ok := r.(redis.Error); ok {
			f.forget(ctx)
			return &refusedError{sent: a.batch[i], reply: reply, partial: true}
		}
	}
	return conn.SetDeadline(time.Time{})
}

// forget deletes the mark of a target that cannot be gone on with.
func (f *Follower) forget(ctx context.Context) {
	f.report.Resumable = false
	_, _ = f.applier.conn.Do(ctx, "DEL", markKey)
}
