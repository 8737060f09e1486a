package send

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// openAt has the scanner begin at a position.
func (p *pass) openAt(ctx context.Context, at rdb.Position) error {
	if p.body != nil {
		p.body.Close()
	}
	body, err := p.Source.Open(ctx, at.Offset)
	if err != nil {
		return server.Fatal(fmt.Errorf("%s: %w", p.Source.Name, err))
	}
	p.body = body
	p.scanner = rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: !p.Source.Once, Start: at})
	return nil
}

// read sends all that the dump has from a position on.
func (p *pass) read(ctx context.Context, from rdb.Position) error {
	var first *rdb.Entry
	var ok bool
	if p.scanner, p.body, first, ok = p.Head.Take(); !ok {
		if err := p.openAt(ctx, from); err != nil {
			return err
		}
	}
	p.Progress.KeysFrom(p.Ledger.ReadTo(from))
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
		p.Progress.At(e)
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
	if p.Source.Once {
		return server.Fatal(fmt.Errorf("%w (%w), and a live snapshot cannot be read again; empty the target and restart the import, or dump it to a file first", errReread, p.rereadWhy))
	}
	backoff := min(server.FirstBackoff<<min(attempts, 10), server.MaxBackoff)
	if p.reread != at.Offset {
		p.rereadSince = time.Now()
	} else if time.Since(p.rereadSince) > p.Options.Patience && attempts > 3 {
		return server.Fatal(fmt.Errorf("%w %d times: %w", errReread, attempts, p.rereadWhy))
	}
	if err := server.Pause(ctx, backoff); err != nil {
		return err
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
	p.epoch, p.bytes = p.Ledger.Begin(repair), 0
	p.counts = p.counts[:0]
	p.now = p.Now()
}

// closeEpoch sends what is gathered.
func (p *pass) closeEpoch(ctx context.Context, end rdb.Position) error {
	for i := range p.builders {
		if err := p.dispatch(ctx, i); err != nil {
			return err
		}
	}
	p.Ledger.Close(p.epoch, end, p.counts)
	return nil
}
