package render

import (
	"context"
	"slices"
	"sync"
)

// Running knows which targets are being rendered at the moment, so that a run that is stopped can name them. The zero value is
// ready; it may be used by several goroutines.
type Running struct {
	mu   sync.Mutex
	dirs []string
}

type runningKey struct{}

// WithRunning returns a context whose calls of [Render] are noted in r.
func WithRunning(ctx context.Context, r *Running) context.Context {
	return context.WithValue(ctx, runningKey{}, r)
}

// Dirs returns the directories that are being rendered, relative to the repository, sorted and each once.
func (r *Running) Dirs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	dirs := slices.Clone(r.dirs)
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// running notes the beginning of a target and gives the function for its end.
func running(ctx context.Context, dir string) (end func()) {
	r, _ := ctx.Value(runningKey{}).(*Running)
	if r == nil {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirs = append(r.dirs, dir)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.dirs, dir); i >= 0 {
			r.dirs = slices.Delete(r.dirs, i, i+1)
		}
	}
}
