package render

import (
	"context"
	"sync"
	"time"
)

// kustomizing lets one kustomization after the other be built: the schema that kustomize merges lists by belongs to the
// whole process.
var kustomizing = newTurns()

// turns hands out one turn at a time to what cannot be stopped.
type turns struct {
	free chan struct{} // holds a value while somebody has the turn

	mu   sync.Mutex
	last *turn
	left chan struct{} // closed while whoever has the turn has been left behind
}

type turn struct {
	turns *turns
	over  bool
}

func newTurns() *turns { return &turns{free: make(chan struct{}, 1), left: make(chan struct{})} }

// begin waits for the turn. Only ctx limits the wait, unless whoever has the turn was left behind: that may never end, so
// the others wait for patience from then on.
func (t *turns) begin(ctx context.Context, patience time.Duration) (*turn, error) {
	t.mu.Lock()
	left := t.left
	t.mu.Unlock()
	select {
	case t.free <- struct{}{}:
		return t.hand(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-left:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case t.free <- struct{}{}:
		return t.hand(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, errTooLong
	}
}

func (t *turns) hand() *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = &turn{turns: t}
	return t.last
}

// leave notes that nobody waits for the end of the turn any longer.
func (t *turn) leave() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.turns.last == t && !t.over {
		close(t.turns.left)
	}
}

// end gives the turn back.
func (t *turn) end() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	t.over = true
	select {
	case <-t.turns.left:
		t.turns.left = make(chan struct{})
	default:
	}
	<-t.turns.free
}
