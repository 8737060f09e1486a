package send

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// drainTime is how long a pass that ends early waits for the replies of what it has sent.
const drainTime = 10 * time.Second

// Pass reads the dump from the ledger's frontier and sends what it has.
func (s *Sender) Pass(ctx context.Context) error {
	reading, stopReading := context.WithCancelCause(ctx)
	defer stopReading(nil)
	// What is under way is answered before the connections are closed, also after an interruption: little has to be sent again.
	working, stopWorking := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWorking(nil)
	s.pace.rate = s.Options.Rate
	p := &pass{
		Sender: s, finished: make(chan struct{}), free: make(chan *batch, 64), idle: make(chan struct{}, 1), stop: stopReading,
		window: newWindow(s.Options.Window), rows: map[account.RowName]int32{}, row: -1, reread: -1, big: map[*route]*redis.Conn{},
	}
	if err := p.connectRoutes(ctx); err != nil {
		return err
	}
	defer p.close()
	var from rdb.Position
	from, p.repairTo, p.uncertain = s.Ledger.Start()

	var workers, watchers sync.WaitGroup
	for _, r := range p.routes {
		for range s.Options.Connections {
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
	watchers.Go(func() { s.watchReplicas(watching) })
	watchers.Go(func() {
		if err := s.Keeper.SaveRegularly(watching); err != nil {
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
