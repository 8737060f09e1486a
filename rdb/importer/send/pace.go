package send

import (
	"context"
	"sync"
	"time"
)

// A pace keeps to a number of bytes a second.
type pace struct {
	rate int64
	next time.Time // when the bytes let through so far will have had their time
}

// wait waits until so many bytes may be sent.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	if delay <= 0 {
		return nil
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
