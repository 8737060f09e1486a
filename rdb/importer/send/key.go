package send

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// entry deals with one entry of the dump.
func (p *pass) entry(ctx context.Context, e *rdb.Entry) error {
	switch e.Kind {
	case rdb.KeyEntry:
		return p.key(ctx, e)
	case rdb.FunctionEntry:
		return p.function(ctx, e)
	case rdb.AuxEntry:
		if string(e.Key) == "lua" {
			_, err := p.Ask(ctx, "SCRIPT", "LOAD", string(e.Raw))
			if redis.Code(err) != "" {
				p.Ledger.Note("cannot load a script of the dump: %v", err)
				err = nil
			}
			return err
		}
	case rdb.ModuleAuxEntry:
		p.Ledger.Note("the data of module %q outside of keys cannot be imported; only a server that loads the dump gets it", e.Module)
	}
	return nil
}

func (p *pass) key(ctx context.Context, e *rdb.Entry) error {
	from := e.DB
	v := p.Options.Filter.Apply(e)
	if v == rdb.Filtered {
		if to, ok := p.Options.Filter.MapDB[from]; ok {
			e.DB = to
		}
	}
	p.ShiftExpiry(e)
	row := p.rowOfType(e.DB, e.Type)
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
	if p.Server.Version < 10 && mayBeEmpty(e) && plan.IsEmpty(e) { // such a server would make an empty key of it
		c.Skipped++
		return nil
	}
	if p.Source.Once && (p.Options.Existing == plan.Skip || p.Options.Existing == plan.Replace) && p.reread != e.Offset && !p.twice.Add(e) {
		p.refuse(e, row, plan.ErrTwice) // the target would not say so
		return nil
	}
	p.Losses.Known = p.Losses.Known || e.HasIdle || e.HasFreq
	how, err := p.Ways.Of(ctx, e)
	if err != nil {
		return err
	}
	if how != capability.Plain && len(e.Raw) <= plan.Split {
		if err := p.Ways.Restorable(e); err != nil {
			p.refuse(e, row, err)
			return nil
		}
	}
	if p.Source.Once {
		p.Lifetimes.Add(e.DB, e.Expiry, p.now)
	}
	if p.Sampler != nil && p.reread != e.Offset {
		p.Sampler.Offer(e, from, p.scanner.Version())
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
	b.keys = append(b.keys, keyRef{})
	k := &b.keys[len(b.keys)-1]
	*k = keyRef{start: len(b.buf), offset: e.Offset, row: row, raw: int32(len(e.Raw)), kind: e.Type, uncertain: e.Offset < p.uncertain, lasting: e.Expiry == 0}
	switch how {
	case capability.Plain:
		p.countLosses(e)
		err = p.appendCommands(b, k, e)
	case capability.Reencoded:
		var value *rdb.Entry
		if value, err = p.reencode(e); err == nil {
			k.kind = value.Type
			err = p.appendRestore(b, k, value)
		}
	default:
		err = p.appendRestore(b, k, e)
	}
	if err != nil || k.replies == 0 {
		b.buf, b.keys = b.buf[:k.start], b.keys[:len(b.keys)-1]
		if err != nil && p.Source.Once && errors.Is(err, rdb.ErrTarget) {
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
	if len(b.buf) >= batchBytes {
		return p.dispatch(ctx, route)
	}
	return nil
}

func (p *pass) appendRestore(b *batch, k *keyRef, e *rdb.Entry) (err error) {
	k.replies, k.how = 1, byRestore
	var payload [2]int
	b.buf, payload, err = appendRestore(b.buf, e, p.Options.Existing == plan.Replace)
	k.payloadAt, k.payloadEnd = payload[0], payload[1]
	k.nameAt, k.nameLen = k.start+len("*4\r\n$7\r\nRESTORE\r\n$\r\n")+digits(len(e.Key)), len(e.Key)
	return err
}

// digits counts those of a length.
func digits(n int) (count int) {
	for count = 1; n >= 10; n /= 10 {
		count++
	}
	return count
}

// mayBeEmpty reports whether a value is so small that it may have no element. A string is an element.
func mayBeEmpty(e *rdb.Entry) bool {
	return e.Raw != nil && len(e.Raw) < plan.MaxEmpty && e.Type != rdb.TypeString && e.Type != rdb.TypeModule2
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
