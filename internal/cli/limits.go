package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/render"
)

const (
	// defaultTimeout bounds a run that reads and renders a repository.
	defaultTimeout = 5 * time.Minute
	// defaultMemory is five times what 1,500 applications, or 4,000 RedisFailovers of one template, take.
	defaultMemory memorySize = 1 << 30
	// leastMemory is enough for a repository with a few applications.
	leastMemory memorySize = 128 << 20
	// memoryInterval is how often the memory is looked at. Memory cannot be filled faster than about 10 GB/s.
	memoryInterval = 10 * time.Millisecond
)

// errLimit is in the cause of a context that --timeout or --max-memory ended.
var errLimit = errors.New("the run was stopped")

// limits bound what a run that reads a repository may use, and name what it was busy with.
type limits struct {
	timeout time.Duration
	memory  memorySize
	on      bool // for the whole run
	running render.Running
}

// memorySize is a number of bytes as a flag; 0 is no limit.
type memorySize int64

func (m *memorySize) Type() string { return "size" }

func (m *memorySize) String() string {
	switch {
	case *m == 0:
		return "0"
	case *m%(1<<30) == 0:
		return fmt.Sprintf("%dGi", *m>>30)
	case *m%(1<<20) == 0:
		return fmt.Sprintf("%dMi", *m>>20)
	}
	return fmt.Sprintf("%dMB", *m/1e6)
}

func (m *memorySize) Set(text string) error {
	if text == "0" {
		*m = 0
		return nil
	}
	for unit, factor := range map[string]float64{"Mi": 1 << 20, "Gi": 1 << 30, "MB": 1e6, "GB": 1e9} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if size := n * factor; err == nil && size >= 1 && size < math.MaxInt64/2 {
			if *m = memorySize(size); *m < leastMemory {
				return errors.New("too small; use 128Mi or more, or 0 for no limit")
			}
			return nil
		}
	}
	return errors.New("invalid size; use for example 512Mi, 1Gi or 2GB, or 0 for no limit")
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
func (a *app) limit(parent context.Context, timeout time.Duration, memory memorySize, advice string) (ctx context.Context, end func()) {
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
		ends = append(ends, a.watchMemory(of, memory, over), unwatch, func() { cancel(nil) })
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

// watchMemory calls over once when the process takes more memory than the limit, and ends the process at once when it goes on
// taking more. A process of its own would do that too, but starting one costs every run 55 ms.
func (a *app) watchMemory(ctx context.Context, limit memorySize, over func()) (end func()) {
	before := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(before, limit.soft())) // collect garbage more often rather than stop
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			switch n := memoryInUse(); {
			case n <= limit:
			case ctx.Err() == nil:
				over()
			case n > limit+limit/4:
				a.die(ctx)
				return
			}
		}
	}()
	return func() { close(done); debug.SetMemoryLimit(before) }
}

// soft is the size from which on garbage is collected without pause.
func (m memorySize) soft() int64 { return int64(m - m/8) }

// memoryInUse is what the process has of the operating system, without the program's own file.
func memoryInUse() memorySize {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return memorySize(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// minMemory is how much the process takes, in bytes, before garbage is collected at all.
const minMemory = 98 << 20

// collectSeldom has the garbage of a run, which is short, collected only when it is nearly as large as what is kept: that
// saves a fifth of the time. Users who set GOGC or GOMEMLIMIT have decided for themselves.
func collectSeldom(most memorySize) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	top := int64(math.MaxInt64)
	if most > 0 {
		top = most.soft()
	}
	limit := min(minMemory, top)
	debug.SetMemoryLimit(limit)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	// A limit close to what is kept would have the collector run without end, so it grows with that, after each run.
	type sentinel struct{ _ *byte } // with a pointer, since small values without one share their memory
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(live)
		if wanted := min(2*int64(live[0].Value.Uint64())-minMemory/6, top); wanted > limit {
			limit = wanted
			debug.SetMemoryLimit(limit)
		}
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}
