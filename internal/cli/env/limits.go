package cli

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

// errLimit is in the cause of a context that --timeout or --max-memory ended.
var errLimit = errors.New("the run was stopped")

// limits bound what a run that reads a repository may use, and name what it was busy with.
type limits struct {
	timeout time.Duration
	memory  memlimit.Size
	on      bool // for the whole run
	running render.Running
}

// addLimits returns a command that reads a repository, or those below it, --timeout and --max-memory.
func (a *app) addLimits(c *cobra.Command) *cobra.Command {
	if c.RunE != nil && len(c.Commands()) == 0 {
		f := c.Flags()
		f.DurationVar(&a.limits.timeout, "timeout", defaultTimeout, "time limit; 0 for none")
		a.limits.memory = cmp.Or(a.limits.memory, defaultMemory)
		f.Var(&a.limits.memory, "max-memory", "memory limit; 0 for none")
	}
	for _, sub := range c.Commands() {
		a.addLimits(sub)
	}
	return c
}

// limitRun bounds the run of a command that has --timeout and --max-memory.
func (a *app) limitRun(c *cobra.Command) error {
	l := &a.limits
	if c.Flags().Lookup("timeout") == nil || c.Flags().Lookup("max-memory") == nil {
		return nil
	}
	if l.timeout < 0 {
		return fmt.Errorf("invalid value %q for --timeout; use a duration such as 90s or 10m, or 0 for no limit", l.timeout)
	}
	part := "make that render less"
	if c.Name() == "lint" {
		part = "check a part of the repository"
	}
	ctx, end := a.limit(c.Context(), l.timeout, l.memory, "raise %s, or "+part)
	l.on, a.ended, a.ctx = true, end, ctx
	c.SetContext(ctx)
	return nil
}

// limitReading bounds the look into a repository of a command that has no flags for that.
func (a *app) limitReading(ctx context.Context) (context.Context, func()) {
	if a.limits.on {
		return ctx, func() {}
	}
	return a.limit(ctx, defaultTimeout, a.limits.memory, "run redis-gitops lint there with a higher %s to see why")
}

// limit bounds time and memory until end is called. The advice has a verb for the name of the flag.
func (a *app) limit(parent context.Context, timeout time.Duration, memory memlimit.Size, advice string) (ctx context.Context, end func()) {
	ctx = render.WithRunning(parent, &a.limits.running)
	stop := func(cancel context.CancelCauseFunc, at, flag string) {
		cancel(fmt.Errorf("%w %s%s; %s", errLimit, at, a.during(), fmt.Sprintf(advice, flag)))
	}
	var ends []func()
	if memory > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		of := ctx
		unwatch := a.watch(of, signalGrace)
		over := func() { stop(cancel, "at "+memory.String()+" of memory", "--max-memory") }
		ends = append(ends, memlimit.Watch(of, memory, over, func() { a.die(of) }), unwatch, func() { cancel(nil) })
	}
	if timeout > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		unwatch := a.watch(ctx, deadlineGrace)
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
func (a *app) during() string {
	dirs := a.limits.running.Dirs()
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
