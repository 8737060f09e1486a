package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A pass is one reading of the dump from a position to the end, with its connections.
type pass struct {
	im       *importer
	routes   []*route
	slots    *server.SlotMap // of a cluster, else nil
	window   *window
	finished chan struct{} // closed when all batches are answered and no more come
	answered atomic.Uint64 // keys
	stale    atomic.Bool   // slots have moved

	free chan *batch // to be used again; a sync.Pool would be emptied at each collection

	mu   sync.Mutex
	open int                     // batches that are not answered
	idle chan struct{}           // has an element when open has become 0
	err  error                   // the first one that ended a worker, or sending
	stop context.CancelCauseFunc // of reading the dump

	// Of the goroutine that reads the dump:
	scanner     *rdb.Scanner
	body        io.Closer
	epoch       *account.Epoch
	counts      []account.Counts // of the epoch, of keys that were not sent
	builders    []*batch         // by route
	bytes       int              // sent in the epoch
	repairTo    rdb.Position
	uncertain   int64
	reread      int64 // offset of an entry that is sent again; -1 for none
	rereadSince time.Time
	rows        map[account.RowName]int32
	row         int32 // the last one used
	rowOf       account.RowName
	now         int64 // Unix milliseconds
	big         map[*route]*redis.Conn
}

const (
	// batchBytes is how much is written at once. Larger pieces save system calls and cost latency; 64 KiB to 256 KiB are
	// equal within noise.
	batchBytes = 128 << 10
	epochBytes = 1 << 20
)

// drainTime is how long a pass that ends early waits for the replies of what it has sent.
const drainTime = 10 * time.Second

// pass reads the dump from the ledger's frontier and sends what it has.
func (im *importer) pass(ctx context.Context) error {
	reading, stopReading := context.WithCancelCause(ctx)
	defer stopReading(nil)
	// What is under way is answered before the connections are closed, also after an interruption: little has to be sent again.
	working, stopWorking := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWorking(nil)
	p := &pass{
		im: im, finished: make(chan struct{}), free: make(chan *batch, 64), idle: make(chan struct{}, 1), stop: stopReading,
		window: newWindow(im.Options.Window), rows: map[account.RowName]int32{}, row: -1, reread: -1, big: map[*route]*redis.Conn{},
	}
	if err := p.connectRoutes(ctx); err != nil {
		return err
	}
	defer p.close()
	var from rdb.Position
	from, p.repairTo, p.uncertain = im.Ledger.Start()

	var workers, watchers sync.WaitGroup
	for _, r := range p.routes {
		for range im.Options.Connections {
			workers.Go(func() {
				w := &worker{pass: p, route: r}
				if err := w.run(working); err != nil {
					p.fail(err)
					stopWorking(err)
				}
			})
		}
	}
	watching, stopWatching := context.WithCancel(reading)
	watchers.Go(func() { im.watchReplicas(watching) })
	watchers.Go(func() {
		if err := im.keeper.SaveRegularly(watching); err != nil {
			p.fail(server.Fatal(err))
		}
	})

	err := p.read(reading, from)
	stopWatching()
	draining := working
	if err != nil {
		p.fail(err)
		var stop context.CancelFunc
		draining, stop = context.WithTimeout(working, drainTime)
		defer stop()
	}
	if p.drain(draining) {
		close(p.finished)
	} else {
		stopWorking(errors.New("no reply"))
	}
	workers.Wait()
	watchers.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// fail notes why the pass ends, and stops reading.
func (p *pass) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.stop(err)
}

// drain waits until all batches are answered.
func (p *pass) drain(ctx context.Context) bool {
	for {
		p.mu.Lock()
		open := p.open
		p.mu.Unlock()
		if open == 0 {
			return true
		}
		select {
		case <-p.idle:
		case <-ctx.Done():
			return false
		}
	}
}

func (p *pass) close() {
	if p.body != nil {
		p.body.Close()
	}
	for _, c := range p.big {
		c.Close()
	}
}

// openAt has the scanner begin at a position.
func (p *pass) openAt(ctx context.Context, at rdb.Position) error {
	if p.body != nil {
		p.body.Close()
	}
	body, err := p.im.Source.Open(ctx, at.Offset)
	if err != nil {
		return server.Fatal(fmt.Errorf("%s: %w", p.im.Source.Name, err))
	}
	p.body = body
	p.scanner = rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: !p.im.Source.Once, Start: at})
	return nil
}

// errReread has a value read from the dump again, because the connection broke while it was sent.
var errReread = errors.New("lost the connection within a large value")

// read sends all that the dump has from a position on.
func (p *pass) read(ctx context.Context, from rdb.Position) error {
	var first *rdb.Entry
	var ok bool
	if p.scanner, p.body, first, ok = p.im.head.Take(); !ok {
		if err := p.openAt(ctx, from); err != nil {
			return err
		}
	}
	p.im.Progress.KeysFrom(p.im.Ledger.ReadTo(from))
	p.beginEpoch(from.Offset < p.repairTo.Offset)
	attempts := 0
	for n := 0; ; n++ {
		if n%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := p.scanner.Position()
		e, err := first, error(nil)
		if first = nil; e == nil {
			e, err = p.scanner.Next()
		}
		if err == io.EOF {
			return p.closeEpoch(ctx, at) // before the end's own bytes: one who resumes there finds the end again
		}
		if err != nil {
			return server.Fatal(err)
		}
		if p.epoch.Repair && e.Offset >= p.repairTo.Offset {
			if err := p.closeEpoch(ctx, at); err != nil {
				return err
			}
			p.beginEpoch(false)
		}
		p.im.Progress.At(e)
		err = p.entry(ctx, e)
		if err == errReread {
			attempts++
			if err := p.again(ctx, at, attempts); err != nil {
				return err
			}
			continue
		}
		if err == nil && e.Kind == rdb.KeyEntry && e.Raw == nil {
			err = p.passOver(e)
		}
		if err != nil {
			return err
		}
		attempts = 0
		if p.bytes >= epochBytes*len(p.routes) {
			repair := p.epoch.Repair
			if err := p.closeEpoch(ctx, p.scanner.Position()); err != nil {
				return err
			}
			p.beginEpoch(repair)
			if p.stale.Swap(false) {
				if err := p.refreshSlots(ctx); err != nil {
					return err
				}
			}
		}
	}
}

// again reads an entry anew, after a while.
func (p *pass) again(ctx context.Context, at rdb.Position, attempts int) error {
	if p.im.Source.Once {
		return server.Fatal(fmt.Errorf("%w, and a live snapshot cannot be read again; empty the target and restart the import, or dump it to a file first", errReread))
	}
	backoff := min(server.FirstBackoff<<min(attempts, 10), server.MaxBackoff)
	if p.reread != at.Offset {
		p.rereadSince = time.Now()
	} else if time.Since(p.rereadSince) > p.im.Options.Patience && attempts > 3 {
		return server.Fatal(fmt.Errorf("%w %d times", errReread, attempts))
	}
	select {
	case <-time.After(backoff):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.reread = at.Offset
	return p.openAt(ctx, at)
}

// passOver uses up a large value that nobody has read.
func (p *pass) passOver(e *rdb.Entry) error {
	if !e.Unread() {
		return nil
	}
	if err := e.Chunks(nil); err != nil {
		return server.Fatal(err)
	}
	return nil
}

func (p *pass) beginEpoch(repair bool) {
	p.epoch, p.bytes = p.im.Ledger.Begin(repair), 0
	p.counts = p.counts[:0]
	p.now = p.im.Now()
}

// closeEpoch sends what is gathered.
func (p *pass) closeEpoch(ctx context.Context, end rdb.Position) error {
	for i := range p.builders {
		if err := p.dispatch(ctx, i); err != nil {
			return err
		}
	}
	p.im.Ledger.Close(p.epoch, end, p.counts)
	return nil
}

// count returns the counts of a row for keys that are not sent.
func (p *pass) count(row int32) *account.Counts {
	for len(p.counts) <= int(row) {
		p.counts = append(p.counts, account.Counts{})
	}
	return &p.counts[row]
}

// rowFor returns the row of a database and type.
func (p *pass) rowFor(db int, kind string) int32 {
	name := account.RowName{DB: db, Kind: kind}
	if p.row >= 0 && p.rowOf == name {
		return p.row
	}
	row, ok := p.rows[name]
	if !ok {
		row = int32(p.im.Ledger.Row(db, kind))
		p.rows[name] = row
	}
	p.row, p.rowOf = row, name
	return row
}

// entry deals with one entry of the dump.
func (p *pass) entry(ctx context.Context, e *rdb.Entry) error {
	switch e.Kind {
	case rdb.KeyEntry:
		return p.key(ctx, e)
	case rdb.FunctionEntry:
		return p.function(ctx, e)
	case rdb.AuxEntry:
		if string(e.Key) == "lua" {
			_, err := p.im.Ask(ctx, "SCRIPT", "LOAD", string(e.Raw))
			if redis.Code(err) != "" {
				p.im.Ledger.Note("cannot load a script of the dump: %v", err)
				err = nil
			}
			return err
		}
	case rdb.ModuleAuxEntry:
		p.im.Ledger.Note("the data of module %q outside of keys cannot be imported; only a server that loads the dump gets it", e.Module)
	}
	return nil
}

func (p *pass) key(ctx context.Context, e *rdb.Entry) error {
	from := e.DB
	v := p.im.Options.Filter.Apply(e)
	if v == rdb.Filtered {
		if to, ok := p.im.Options.Filter.MapDB[from]; ok {
			e.DB = to
		}
	}
	p.im.ShiftExpiry(e)
	row := p.rowFor(e.DB, e.Type.Kind())
	c := p.count(row)
	c.Read++
	switch {
	case v == rdb.Filtered:
		c.Filtered++
		return nil
	case v == rdb.Expired, e.Expiry != 0 && e.Expiry <= p.now:
		c.Expired++
		return nil
	}
	route := 0
	if p.slots != nil {
		route = p.slots.Route(e.Key)
	}
	if p.im.Server.Version < 10 && mayBeEmpty(e) && plan.IsEmpty(e) { // such a server would make an empty key of it
		c.Skipped++
		return nil
	}
	if p.im.Source.Once && (p.im.Options.Existing == plan.Skip || p.im.Options.Existing == plan.Replace) && p.reread != e.Offset && !p.im.twice.Add(e) {
		p.refuse(e, row, plan.ErrTwice) // the target would not say so
		return nil
	}
	p.im.Losses.Known = p.im.Losses.Known || e.HasIdle || e.HasFreq
	how, err := p.im.ways.Of(ctx, e)
	if err != nil {
		return err
	}
	if how != capability.Plain && len(e.Raw) <= plan.Split {
		if err := p.im.ways.Restorable(e); err != nil {
			p.refuse(e, row, err)
			return nil
		}
	}
	if p.im.Source.Once {
		p.im.Lifetimes.Add(e.DB, e.Expiry, p.now)
	}
	if p.im.sampler != nil && p.reread != e.Offset {
		p.im.sampler.Offer(e, from, p.scanner.Version())
	}
	if e.Raw == nil || len(e.Raw) > plan.Split {
		err := p.large(ctx, e, route, row, how)
		if err == errReread {
			c.Read-- // it comes again
		}
		return err
	}
	return p.add(ctx, e, route, row, how)
}

// add puts a key that fits into the batch of a route, and sends the batch once it is full.
func (p *pass) add(ctx context.Context, e *rdb.Entry, route int, row int32, how capability.Way) (err error) {
	b := p.builders[route]
	if b != nil && b.db != e.DB {
		if err := p.dispatch(ctx, route); err != nil {
			return err
		}
		b = nil
	}
	if b == nil {
		b = p.newBatch(route, e.DB)
	}
	k := keyRef{start: len(b.buf), offset: e.Offset, row: row, raw: int32(len(e.Raw)), kind: e.Type, uncertain: e.Offset < p.uncertain, lasting: e.Expiry == 0}
	switch how {
	case capability.Plain:
		p.countLosses(e)
		err = p.appendCommands(b, &k, e)
	case capability.Reencoded:
		var value *rdb.Entry
		if value, err = p.reencode(e); err == nil {
			k.kind = value.Type
			err = p.appendRestore(b, &k, value)
		}
	default:
		err = p.appendRestore(b, &k, e)
	}
	if err != nil || k.replies == 0 {
		b.buf = b.buf[:k.start]
		if err != nil && p.im.Source.Once && errors.Is(err, rdb.ErrTarget) {
			// A file would have been refused before the first write.
			return server.Fatal(fmt.Errorf("key %q in database %d: %w; import into a newer server, or exclude such keys with --type", e.Key, e.DB, err))
		}
		if err != nil {
			p.refuse(e, row, err)
		} else {
			p.count(row).Skipped++ // empty: servers leave it out when they load a dump
		}
		return nil
	}
	k.end = len(b.buf)
	b.keys = append(b.keys, k)
	if len(b.buf) >= batchBytes {
		return p.dispatch(ctx, route)
	}
	return nil
}

func (p *pass) appendRestore(b *batch, k *keyRef, e *rdb.Entry) (err error) {
	k.replies, k.how = 1, byRestore
	var payload [2]int
	b.buf, payload, err = appendRestore(b.buf, e, p.im.Options.Existing == plan.Replace)
	k.payloadAt, k.payloadEnd = payload[0], payload[1]
	k.nameAt, k.nameLen = k.start+len("*4\r\n$7\r\nRESTORE\r\n$\r\n")+len(strconv.Itoa(len(e.Key))), len(e.Key)
	return err
}

// mayBeEmpty reports whether a value is so small that it may have no element. A string is an element.
func mayBeEmpty(e *rdb.Entry) bool {
	return e.Raw != nil && len(e.Raw) < plan.MaxEmpty && e.Type != rdb.TypeString && e.Type != rdb.TypeModule2
}

// countLosses takes account of what plain commands cannot set.
func (p *pass) countLosses(e *rdb.Entry) {
	if p.epoch.Repair || p.reread == e.Offset {
		return
	}
	if e.HasFreq {
		p.im.Losses.Freq++
	}
	if e.HasIdle {
		p.im.Losses.Idle++
	}
	if e.Type.Kind() == "stream" {
		p.im.Losses.Streams++
	}
}

// refuse notes a key that could not be sent.
func (p *pass) refuse(e *rdb.Entry, row int32, err error) {
	if p.epoch.Repair {
		return
	}
	p.count(row).Failed++
	p.im.Ledger.Fail(account.Failure{DB: e.DB, Key: string(e.Key), Type: e.Type.String(), Offset: e.Offset, Reply: err.Error()})
}

func (p *pass) newBatch(route, db int) *batch {
	var b *batch
	select {
	case b = <-p.free:
	default:
		b = &batch{buf: make([]byte, 0, batchBytes+batchBytes/4), keys: make([]keyRef, 0, 512)}
	}
	b.epoch, b.route, b.db = p.epoch, p.routes[route], db
	p.builders[route] = b
	return b
}

// dispatch has a batch sent as soon as window, rate, replicas and checkpoint let it.
func (p *pass) dispatch(ctx context.Context, route int) error {
	b := p.builders[route]
	p.builders[route] = nil
	if b == nil || len(b.keys) == 0 {
		return nil
	}
	if err := p.mayPass(ctx, b.keys[len(b.keys)-1].offset+1, len(b.buf)); err != nil {
		return err
	}
	b.size = len(b.buf)
	if err := p.window.acquire(ctx, b.size); err != nil {
		return err
	}
	p.bytes += len(b.buf)
	p.hand(b)
	return nil
}

// hand passes a batch to its route.
func (p *pass) hand(b *batch) {
	p.im.Ledger.Opened(b.epoch)
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	b.route.push(b)
}

// mayPass waits until keys before an offset may be sent.
func (p *pass) mayPass(ctx context.Context, to int64, size int) error {
	if err := p.im.pace.wait(ctx, size); err != nil {
		return err
	}
	if err := p.im.replicas.wait(ctx); err != nil {
		return err
	}
	for p.im.keeper.Binds() && to > p.im.keeper.Limit() {
		if err := p.im.keeper.Save(); err != nil {
			return server.Fatal(err)
		}
		if to <= p.im.keeper.Limit() {
			break
		}
		select { // until more has been answered
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.im.Ledger.Sending(to)
	return nil
}

// done reports that a batch is answered.
func (p *pass) done(b *batch) {
	p.window.release(b.size)
	p.im.Ledger.Done(b.epoch, b.counts, b.stuck)
	p.mu.Lock()
	p.open--
	if p.open == 0 {
		select {
		case p.idle <- struct{}{}:
		default:
		}
	}
	p.mu.Unlock()
	if cap(b.buf) > 4*batchBytes {
		return
	}
	*b = batch{buf: b.buf[:0], keys: b.keys[:0], counts: b.counts[:0]}
	select {
	case p.free <- b:
	default:
	}
}

// written reports that the target has confirmed a key.
func (p *pass) written(b *batch, k *keyRef) {
	k.done = true
	p.answered.Add(1)
	c := b.count(k.row)
	c.Written++
	c.Bytes += uint64(k.raw)
	if k.lasting {
		c.Lasting++
	}
}

// existed reports that the target has the key already. It may be our own doing.
func (p *pass) existed(b *batch, k *keyRef) {
	switch {
	case b.epoch.Repair:
		k.done = true
		if p.im.Foreign.Load() && p.im.Options.Existing != plan.Skip {
			p.im.Doubtful.Add(k.offset)
		}
	case p.im.Options.Existing == plan.Skip:
		k.done = true
		b.count(k.row).Skipped++
	case k.uncertain || b.resent:
		if p.im.Foreign.Load() {
			p.im.Doubtful.Add(k.offset)
		}
		p.written(b, k)
	default:
		p.failed(b, k, "BUSYKEY the key was created by another client, or is in the dump twice")
	}
	p.answered.Add(1)
}

// failed reports that the target does not take the key.
func (p *pass) failed(b *batch, k *keyRef, reply redis.Error) {
	k.done = true
	p.answered.Add(1)
	if b.epoch.Repair {
		return
	}
	if k.how == byRestore && isEmpty(b.buf[k.payloadAt:k.payloadEnd]) {
		b.count(k.row).Skipped++
		return
	}
	b.count(k.row).Failed++
	p.im.Ledger.Fail(account.Failure{DB: b.db, Key: b.name(k), Type: k.kind.String(), Offset: k.offset, Reply: p.im.explain(k.kind, reply).Error()})
}

// A window bounds the bytes that are under way.
type window struct {
	mu    sync.Mutex
	free  int
	size  int
	freed chan struct{}
}

func newWindow(size int) *window {
	return &window{free: size, size: size, freed: make(chan struct{}, 1)}
}

// acquire waits for room. Something larger than all of it waits for all.
func (w *window) acquire(ctx context.Context, n int) error {
	for {
		w.mu.Lock()
		if w.free >= n || w.free == w.size {
			w.free -= n
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		select {
		case <-w.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *window) release(n int) {
	w.mu.Lock()
	w.free += n
	w.mu.Unlock()
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// giveUp ends the import because of a reply that every key would get.
func (p *pass) giveUp(err error) { p.fail(server.Fatal(err)) }
