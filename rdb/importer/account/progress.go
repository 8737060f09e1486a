package account

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Progress is how far an import is.
type Progress struct {
	Stage   string // "reading", "writing", "verifying", "loading"
	DB      int
	Bytes   int64 // of the dump
	Total   int64 // 0 where it is not known
	Keys    uint64
	Elapsed time.Duration // since the stage began
	Note    string        // what is being waited for, such as a replica that lags
}

// A Tracker is what Progress is made of.
type Tracker struct {
	Bytes, keys, db atomic.Int64

	mu    sync.Mutex
	name  string
	total int64
	began time.Time
	note  string
}

// Stage begins a stage of so many bytes, 0 where that is not known.
func (p *Tracker) Stage(name string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.total, p.began, p.note = name, total, time.Now(), ""
	p.Bytes.Store(0)
	p.keys.Store(0)
}

// Set reports how far a stage is.
func (p *Tracker) Set(bytes int64, keys uint64, db int) {
	p.Bytes.Store(bytes)
	p.keys.Store(int64(keys))
	p.db.Store(int64(max(db, 0)))
}

// KeysFrom describes how many keys come before the first that will be dealt with: a pass may begin in the middle, or again.
func (p *Tracker) KeysFrom(n uint64) { p.keys.Store(int64(n)) }

// At reports which entry is being dealt with.
func (p *Tracker) At(e *rdb.Entry) {
	p.Bytes.Store(e.Offset)
	if e.Kind == rdb.KeyEntry {
		p.keys.Add(1)
		p.db.Store(int64(e.DB))
	}
}

// Waiting reports what is waited for, "" for nothing.
func (p *Tracker) Waiting(note string) {
	p.mu.Lock()
	p.note = note
	p.mu.Unlock()
}

func (p *Tracker) now() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Progress{
		Stage: p.name, DB: int(p.db.Load()), Bytes: p.Bytes.Load(), Total: p.total, Keys: uint64(p.keys.Load()),
		Elapsed: time.Since(p.began), Note: p.note,
	}
}

const progressEvery = 100 * time.Millisecond

// Report calls show now and then until its result is called. show may be nil.
func (p *Tracker) Report(show func(Progress)) (stop func()) {
	if show == nil {
		return func() {}
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if now := p.now(); now.Stage != "" {
					show(now)
				}
			case <-done:
				return
			}
		}
	})
	return func() { close(done); running.Wait() }
}
