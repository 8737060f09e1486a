package env

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

const (
	// signalGrace is how long a run may take to end by itself after a signal: it ends within a second in any case.
	signalGrace = 700 * time.Millisecond
	// deadlineGrace is the same after --timeout, where a report of what was checked may still be written.
	deadlineGrace = 5 * time.Second
	// lastWords is how long the process waits to print why it ends.
	lastWords = 200 * time.Millisecond
)

// ErrLimit is in the cause of a context that --timeout or --max-memory ended.
var ErrLimit = errors.New("the run was stopped")

// limitError is an [ErrLimit] with what may be done about it.
type limitError struct{ at, during, advice string }

func (err *limitError) Error() string { return err.with(err.during) }

// ours is the error without names of the repository, which have to be held against the secrets in it.
func (err *limitError) ours() ui.Trusted { return ui.Trusted(err.with("")) }

func (err *limitError) with(during string) string {
	return ErrLimit.Error() + " " + err.at + during + "; " + err.advice
}

func (err *limitError) Unwrap() error { return ErrLimit }

// leftovers are what a run must put in order before its process ends: temporary files, the mode of the terminal.
type leftovers struct {
	mu   sync.Mutex
	next int
	all  map[int]func()
}

// add remembers what to do when the process ends early; the caller calls done when it has done that itself.
func (l *leftovers) add(clean func()) (done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[int]func(){}
	}
	l.next++
	id := l.next
	l.all[id] = clean
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, id)
	}
}

func (l *leftovers) clean() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, clean := range l.all {
		clean()
	}
	l.all = nil
}

// AtExit remembers what to do when the process ends early, such as to remove a temporary file; the caller calls done when it has done
// that itself.
func (e *Env) AtExit(clean func()) (done func()) { return e.leftovers.add(clean) }

// OnInterrupt has handle called at an interrupt, before it ends the run, until release is called. Where handle returns true, the run
// goes on.
func (e *Env) OnInterrupt(handle func() bool) (release func()) {
	e.interrupt.Store(&handle)
	return func() { e.interrupt.CompareAndSwap(&handle, nil) }
}

// Interrupted reports whether the run goes on after an interrupt.
func (e *Env) Interrupted() bool {
	handle := e.interrupt.Load()
	return handle != nil && (*handle)()
}

// WatchSignal ends the process when a run goes on after a signal has ended its context, until stop is called.
func (e *Env) WatchSignal(ctx context.Context) (stop func()) { return e.watch(ctx, signalGrace) }

// watch ends the process when a run goes on after its context has ended: what runs may be a read that cannot be interrupted, or
// code that does not look at the context. Nothing is half written by that, because files are written under another name first,
// and changes of the repository are finished or undone by the next run. Without exit, in tests, it does nothing.
func (e *Env) watch(ctx context.Context, grace time.Duration) (stop func()) {
	if e.Exit == nil {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	release := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		timer = time.AfterFunc(grace, func() { e.die(ctx) })
	})
	return func() {
		release()
		mu.Lock()
		defer mu.Unlock()
		if stopped = true; timer != nil {
			timer.Stop()
		}
	}
}

// die ends the process of a run that its context has ended, with the reason. Without exit, in tests, it does nothing.
func (e *Env) die(ctx context.Context) {
	if e.Exit == nil {
		return
	}
	e.dying.Do(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.leftovers.clean()
			e.PrintErrf("%s %v\n", e.Paint(ui.Red, "error:"), StopReason(ctx))
		}()
		select { // nobody may read what is printed
		case <-done:
		case <-time.After(lastWords):
			e.say(ctx)
		}
		e.Exit(int(exitcode.Error))
	})
}

// say prints why a run ends without asking what is secret in the files that it has read, which takes seconds in a large repository.
func (e *Env) say(ctx context.Context) {
	text := ui.Trusted("interrupted")
	if limit := (*limitError)(nil); errors.As(StopReason(ctx), &limit) {
		text = limit.ours()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.PrintErrOwn(e.Paint(ui.Red, "error:") + " " + text + "\n")
	}()
	select {
	case <-done:
	case <-time.After(lastWords):
	}
}

// StopReason is what a person reads about a run that its context ended.
func StopReason(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrLimit) {
		return cause
	}
	return errors.New("interrupted")
}
