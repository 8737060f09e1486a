package follow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// drainTimeout bounds how long writers wait for the rest of the stream, which is what the target was behind a moment ago.
const drainTimeout = 10 * time.Second

// unpauseTimeout bounds how long it takes to have the source take writes again, also of a process that is about to end.
const unpauseTimeout = 600 * time.Millisecond

// cutOver makes the target equal to the source while no writes arrive there, and proves it. done is false where the source does not
// pause writers and they go on.
func (f *Follower) cutOver(ctx context.Context) (done bool, err error) {
	f.cutting.Store(true)
	f.showLag("preparing the cut-over")
	again, err := f.release(ctx)
	if err != nil {
		return false, err
	}
	if err := f.catchUp(ctx); err != nil {
		return false, err
	}
	p, err := f.pause(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			p.unpause()
		}
		p.close()
	}()
	if p.refused != nil {
		return true, f.withoutPause(ctx, p, again)
	}
	if err := f.settle(ctx, p, again); err != nil {
		return false, err
	}
	took := time.Since(p.began)
	if took >= f.opts.MaxPause {
		return false, fmt.Errorf("the cut-over took longer than the %v that writers may wait; the source takes writes again; raise --max-pause, or use --verify sample", f.opts.MaxPause)
	}
	if err := f.forgetMark(ctx); err != nil {
		return false, err
	}
	f.report.Pause, f.report.PausedUntil = &took, p.began.Add(f.opts.MaxPause)
	f.report.CutOver = true
	return true, nil
}

// settle carries out the rest of the stream of a source that takes no writes, and compares.
func (f *Follower) settle(ctx context.Context, p *paused, again bool) error {
	if err := f.drain(ctx, p); err != nil {
		return err
	}
	if again {
		if _, err := f.release(ctx); err != nil {
			return err
		}
	}
	commands := f.commands.Load()
	if err := f.compare(ctx, p.conn); err != nil {
		return err
	}
	// Somebody else may have had the source take writes again.
	if err := f.drain(ctx, p); err != nil {
		return err
	}
	if f.commands.Load() != commands {
		return errWrites
	}
	return nil
}

// errWrites reports that a comparison is worth nothing.
var errWrites = errors.New("the source took writes during the cut-over; stop its writers and try again")

// withoutPause waits until no more writes arrive, because the user was asked to stop the writers.
func (f *Follower) withoutPause(ctx context.Context, p *paused, again bool) error {
	f.log("the source does not pause its writers (%v); stop them now: the cut-over is made when no write has arrived for %v", p.refused, f.opts.Quiet)
	for {
		for time.Since(f.applier.touched) < f.opts.Quiet || !f.caughtUp() {
			if err := f.shownStep(ctx, "waiting for the writers of the source to stop"); err != nil {
				return err
			}
		}
		err := f.settle(ctx, p, again)
		if errors.Is(err, errWrites) || errors.Is(err, errDiffers) && time.Since(f.applier.touched) < f.opts.Quiet {
			f.log("writes arrived while keys were compared; waiting for %v without any", f.opts.Quiet)
			f.report.Compared, f.report.Differing, f.report.Differences = 0, 0, nil
			continue
		}
		if err != nil {
			return err
		}
		if err := f.forgetMark(ctx); err != nil {
			return err
		}
		f.report.CutOver = true
		return nil
	}
}

// catchUp carries out the stream until the target has what the source had a moment ago.
func (f *Follower) catchUp(ctx context.Context) error {
	for !f.caughtUp() {
		if err := f.shownStep(ctx, "preparing the cut-over"); err != nil {
			return err
		}
	}
	return nil
}

// forgetMark removes the mark from a target that is equal.
func (f *Follower) forgetMark(ctx context.Context) error {
	if err := f.connect(ctx); err != nil {
		return err
	}
	n, err := f.applier.conn.Int(ctx, "DEL", markKey)
	f.report.Resumable = err != nil
	if err == nil && n != 1 {
		return errors.New("the target lost its position in the last moment (a restart or failover); continue with --resume")
	}
	return server.Advise(err)
}

// A paused source does not take writes, or refuses that.
type paused struct {
	conn    *redis.Conn
	source  *redis.Target
	began   time.Time
	refused error         // why it takes writes all the same
	limit   time.Duration // of the pause
	log     func(format string, args ...any)
}

// pause has the source keep its writers waiting. Before Redis 6.2, it could only do so to all clients, us too, so it is not asked.
func (f *Follower) pause(ctx context.Context) (*paused, error) {
	conn, err := f.source.Connect(ctx)
	if err != nil {
		return nil, err
	}
	p := &paused{conn: conn, source: f.source, began: time.Now(), limit: f.opts.MaxPause, log: f.log}
	if f.opts.Paused != nil {
		f.opts.Paused(p.unpause)
	}
	_, err = conn.Do(ctx, "CLIENT", "PAUSE", strconv.FormatInt(f.opts.MaxPause.Milliseconds(), 10), "WRITE")
	if redis.Code(err) != "" {
		p.refused = err
		return p, nil
	}
	if err != nil { // it may have been carried out
		p.unpause()
		p.close()
		return nil, fmt.Errorf("the source: CLIENT PAUSE: %w", err)
	}
	return p, nil
}

// unpause lets the source accept writes again, which it also does by itself when the pause times out.
func (p *paused) unpause() {
	if p.refused != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), unpauseTimeout)
	defer cancel()
	conn, err := p.source.Connect(ctx) // the other may be in use
	if err == nil {
		_, err = conn.Do(ctx, "CLIENT", "UNPAUSE")
		conn.Close()
	}
	if err != nil {
		p.log("cannot end the pause of the source: %v; run CLIENT UNPAUSE there, or wait for up to %v", err, p.limit)
	}
}

func (p *paused) close() { p.conn.Close() }

// drain carries out the stream until the offset of the source is reached.
func (f *Follower) drain(ctx context.Context, p *paused) error {
	for began := time.Now(); ; {
		info, err := p.conn.Info(ctx, "replication")
		if err != nil {
			return err
		}
		at := f.receiver.position()
		if info["role"] != "master" || info["master_replid"] != at.ReplID {
			return errors.New("the source was replaced by another server (a failover) during the cut-over; continue with --resume")
		}
		f.monitor.note(info)
		offset, _ := f.monitor.last()
		for f.applied.Load() < offset {
			if time.Since(began) > drainTimeout {
				return fmt.Errorf("the target did not catch up within %v of the cut-over; continue with --resume", drainTimeout)
			}
			if err := f.step(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		if f.applied.Load() == offset {
			f.receiver.ack()
			return nil
		}
		// The source was asked before its last PING.
	}
}
