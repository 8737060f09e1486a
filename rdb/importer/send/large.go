package send

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const maxBulk = 512 << 20 // proto-max-bulk-len

// large writes a value of any size, on a connection of its own. A collection is made piece by piece under another name. A
// stream keeps more of itself in one piece (who has seen it when), and reading that is quick; what a module wrote cannot be
// cut.
func (p *pass) large(ctx context.Context, e *rdb.Entry, to int, row int32, how capability.Way) error {
	value, err := p.wholeStream(e, how)
	if err != nil && e.Raw != nil && (!p.Source.Once || !errors.Is(err, rdb.ErrTarget)) { // it was read, and is damaged
		p.refuse(e, row, err)
		return nil
	}
	if err != nil {
		return server.Fatal(err)
	}
	r := p.routes[to]
	conn, err := p.connOf(ctx, r)
	if err != nil {
		return err
	}
	l := &largeKey{pass: p, conn: conn, entry: value}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	size, known := p.Dump.Length(value)
	whole := e.Type == rdb.TypeModule2 || e.Type.Kind() == "stream" && how != capability.Plain && value.Raw != nil
	if !whole {
		p.countLosses(e)
	}
	if e.Type == rdb.TypeModule2 && (!known || size > maxBulk) {
		p.refuse(e, row, fmt.Errorf("a module value of %d bytes cannot be sent; commands are limited to 512 MB", size))
		return nil
	}
	refused, err := l.run(ctx, size, whole)
	conn.SetDeadline(time.Time{})
	c := p.count(row)
	switch {
	case err != nil:
		p.drop(r)
		return p.largeFailed(ctx, e, row, err)
	case refused == "":
		if l.empty {
			c.Skipped++
			return nil
		}
		c.Written++
		c.Bytes += e.RawSize()
		if e.Expiry == 0 {
			c.Lasting++
		}
		return nil
	}
	return p.largeRefused(ctx, e, value, r, row, refused)
}

// largeFailed says what follows from an error while a large key was sent: the connection is gone, or the key itself is wrong.
func (p *pass) largeFailed(ctx context.Context, e *rdb.Entry, row int32, err error) error {
	var wrong *rdb.Error
	if errors.As(err, &wrong) {
		if !p.Source.Once && (errors.Is(err, rdb.ErrTarget) || errors.Is(err, rdb.ErrUnsupported)) {
			p.refuse(e, row, err)
			return nil
		}
		return server.Fatal(err)
	}
	var fatal *server.FatalError
	if errors.As(err, &fatal) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.Progress.Waiting(server.WhyWaiting(err))
	p.rereadWhy = err
	return errReread
}

// largeRefused says what follows from an error reply to a large key.
func (p *pass) largeRefused(ctx context.Context, e, value *rdb.Entry, r *route, row int32, refused redis.Error) error {
	switch server.ClassifyReply(refused) {
	case server.Exists:
		switch {
		case p.Options.Existing == plan.Skip:
			p.count(row).Skipped++
		case e.Offset < p.uncertain || p.epoch.Repair || p.reread == e.Offset:
			if p.Foreign.Load() {
				p.Doubtful.Add(e.Offset)
			}
			if !p.epoch.Repair {
				p.count(row).Written++
			}
		default:
			p.refuse(e, row, server.Advise(refused))
		}
		return nil
	case server.KeyFailed:
		p.refuse(e, row, p.explain(value.Type, refused))
		return nil
	case server.GiveUp:
		return server.Fatal(server.Advise(refused))
	}
	p.rereadWhy = server.Advise(refused)
	p.drop(r)
	if p.slots != nil && server.ClassifyReply(refused) == server.Moved {
		if err := p.refreshSlots(ctx); err != nil {
			return err
		}
	}
	return errReread
}

// wholeStream returns a stream that is in memory as a whole, in an encoding that the target knows, where it is not too large
// for that; other values as they are.
func (p *pass) wholeStream(e *rdb.Entry, how capability.Way) (*rdb.Entry, error) {
	if e.Type.Kind() != "stream" {
		return e, nil
	}
	loaded, err := e.Load(plan.MaxWhole)
	if err == nil && loaded && how != capability.Plain {
		err = p.Ways.Restorable(e)
	}
	if err != nil || !loaded || how != capability.Reencoded {
		return e, err
	}
	return p.reencode(e)
}
