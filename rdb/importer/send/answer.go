package send

import (
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	// batchBytes is how much is written at once. Larger pieces save system calls and cost latency; 64 KiB to 256 KiB are
	// equal within noise.
	batchBytes = 128 << 10
	epochBytes = 1 << 20
)

// hand passes a batch to its route.
func (p *pass) hand(b *batch) {
	p.Ledger.Opened(b.epoch)
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	b.route.push(b)
}

// done reports that a batch is answered.
func (p *pass) done(b *batch) {
	p.window.release(b.size)
	p.Ledger.Done(b.epoch, b.counts, b.stuck)
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
		if p.Foreign.Load() && p.Options.Existing != plan.Skip {
			p.Doubtful.Add(k.offset)
		}
	case p.Options.Existing == plan.Skip:
		k.done = true
		b.count(k.row).Skipped++
	case k.uncertain || b.resent:
		if p.Foreign.Load() {
			p.Doubtful.Add(k.offset)
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
	p.Ledger.Fail(account.Failure{DB: b.db, Key: b.name(k), Type: k.kind.String(), Offset: k.offset, Reply: p.explain(k.kind, reply).Error()})
}
