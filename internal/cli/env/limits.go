package env

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/render"
)

const (
	// defaultTimeout bounds a run that reads and renders a repository.
	defaultTimeout = 5 * time.Minute
	// defaultMemory is five times what 1,500 applications, or 4,000 RedisFailovers of one template, take.
	defaultMemory memlimit.Size = 1 << 30
)

// AddLimits adds --timeout and --max-memory to a command that reads a repository, or to those below it, and returns it.
func (e *Env) AddLimits(c *cobra.Command) *cobra.Command {
	if c.RunE != nil && len(c.Commands()) == 0 {
		f := c.Flags()
		f.DurationVar(&e.Timeout, "timeout", defaultTimeout, "time limit; 0 for none")
		e.Memory = cmp.Or(e.Memory, defaultMemory)
		f.Var(&e.Memory, "max-memory", "memory limit; 0 for none")
	}
	for _, sub := range c.Commands() {
		e.AddLimits(sub)
	}
	return c
}

// LimitRun bounds the run of a command that has --timeout and --max-memory, until end is called.
func (e *Env) LimitRun(c *cobra.Command) (end func(), err error) {
	if c.Flags().Lookup("timeout") == nil || c.Flags().Lookup("max-memory") == nil {
		return func() {}, nil
	}
	if e.Timeout < 0 {
		return nil, fmt.Errorf("invalid value %q for --timeout; use a duration such as 90s or 10m, or 0 for no limit", e.Timeout)
	}
	part := "make that render less"
	if c.Name() == "lint" {
		part = "check a part of the repository"
	}
	ctx, end := e.limit(c.Context(), e.Timeout, e.Memory, "raise %s, or "+part)
	e.limited = true
	c.SetContext(ctx)
	return end, nil
}

// LimitReading bounds the look into a repository of a command that has no flags for that.
func (e *Env) LimitReading(ctx context.Context) (context.Context, func()) {
	if e.limited {
		return ctx, func() {}
	}
	return e.limit(ctx, defaultTimeout, e.Memory, "run redis-gitops lint there with a higher %s to see why")
}

// limit bounds time and memory until end is called. The advice has a verb for the name of the flag.
func (e *Env) limit(parent context.Context, timeout time.Duration, memory memlimit.Size, advice string) (ctx context.Context, end func()) {
	ctx = render.WithRunning(parent, &e.running)
	stop := func(cancel context.CancelCauseFunc, at, flag string) {
		cancel(&limitError{at, e.during(), fmt.Sprintf(advice, flag)})
	}
	var ends []func()
	if memory > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		of := ctx
		unwatch := e.watch(of, signalGrace)
		over := func() { stop(cancel, "at "+memory.String()+" of memory", "--max-memory") }
		ends = append(ends, memlimit.Watch(of, memory, over, func() { e.die(of) }), unwatch, func() { cancel(nil) })
	}
	if timeout > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		unwatch := e.watch(ctx, deadlineGrace)
		timer := time.AfterFunc(timeout, func() { stop(cancel, "after "+timeout.String(), "--timeout") })
		ends = append(ends, func() { timer.Stop() }, unwatch, func() { cancel(nil) })
	}
	return ctx, func() {
		for _, end := range ends {
			end()
		}
	}
}

// during describes what is being rendered at the moment.
func (e *Env) during() string {
	dirs := e.running.Dirs()
	if len(dirs) > 3 {
		dirs = append(dirs[:3], "others")
	}
	if n := len(dirs); n > 1 {
		return " while it rendered " + strings.Join(dirs[:n-1], ", ") + " and " + dirs[n-1]
	}
	if len(dirs) == 1 {
		return " while it rendered " + dirs[0]
	}
	return ""
}

// StopCause returns the limit that ended ctx in the place of an error that follows from it.
func StopCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrLimit) {
		return cause
	}
	return err
}
