package send

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A pass is one reading of the dump from a position to the end, with its connections.
type pass struct {
	*Sender
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
	rereadWhy   error // what interrupted it
	rereadSince time.Time
	rows        map[account.RowName]int32
	row         int32 // the last one used
	rowOf       account.RowName
	typesDB     int       // the database of typeRows
	typeRows    [32]int32 // rows by type, and 1; 0 for one that was not asked for
	now         int64     // Unix milliseconds
	big         map[*route]*redis.Conn
}

// errReread has a value read from the dump again, because the connection broke while it was sent, or the target will take it later.
var errReread = errors.New("interrupted within a large value")

// fail notes why the pass ends, and stops reading.
func (p *pass) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.stop(err)
}

// giveUp ends the import because of a reply that every key would get.
func (p *pass) giveUp(err error) { p.fail(server.Fatal(err)) }

func (p *pass) close() {
	if p.body != nil {
		p.body.Close()
	}
	for _, c := range p.big {
		c.Close()
	}
}

// connOf returns a connection of the goroutine that reads the dump.
func (p *pass) connOf(ctx context.Context, r *route) (*redis.Conn, error) {
	if c := p.big[r]; c != nil {
		return c, nil
	}
	c, err := p.Connect(ctx, r.addr)
	if err == nil {
		p.big[r] = c
	}
	return c, err
}

func (p *pass) drop(r *route) {
	if c := p.big[r]; c != nil {
		c.Close()
		delete(p.big, r)
	}
}

// mayPass waits until keys before an offset may be sent.
func (p *pass) mayPass(ctx context.Context, to int64, size int) error {
	if err := p.pace.wait(ctx, size); err != nil {
		return err
	}
	if err := p.replicas.wait(ctx); err != nil {
		return err
	}
	for p.Keeper.Binds() && to > p.Keeper.Limit() {
		if err := p.Keeper.Save(); err != nil {
			return server.Fatal(err)
		}
		if to <= p.Keeper.Limit() {
			break
		}
		select { // until more has been answered
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.Ledger.Sending(to)
	return nil
}
