// Package memlimit bounds the memory of the process, and has its garbage collected as suits short runs.
package memlimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

const (
	// Least is enough for a repository with a few applications.
	Least Size = 128 << 20
	// interval is how often the memory is looked at. Memory cannot be filled faster than about 10 GB/s.
	interval = 10 * time.Millisecond
)

// Size is a number of bytes, also as a flag; 0 is no limit.
type Size int64

// Type implements [pflag.Value].
func (s *Size) Type() string { return "size" }

// String implements [pflag.Value].
func (s *Size) String() string {
	switch {
	case *s == 0:
		return "0"
	case *s%(1<<30) == 0:
		return fmt.Sprintf("%dGi", *s>>30)
	case *s%(1<<20) == 0:
		return fmt.Sprintf("%dMi", *s>>20)
	}
	return fmt.Sprintf("%dMB", *s/1e6)
}

// Set implements [pflag.Value].
func (s *Size) Set(text string) error {
	if text == "0" {
		*s = 0
		return nil
	}
	for unit, factor := range map[string]float64{"Mi": 1 << 20, "Gi": 1 << 30, "MB": 1e6, "GB": 1e9} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if size := n * factor; err == nil && size >= 1 && size < math.MaxInt64/2 {
			if *s = Size(size); *s < Least {
				return errors.New("too small; use 128Mi or more, or 0 for no limit")
			}
			return nil
		}
	}
	return errors.New("invalid size; use for example 512Mi, 1Gi or 2GB, or 0 for no limit")
}

// soft is the size from which on garbage is collected without pause.
func (s Size) soft() int64 { return int64(s - s/8) }

// Watch calls over while the process takes more memory than the limit and ctx has not ended, and kill once when it takes a quarter
// more than that afterwards. A process of its own with a limit would do that too, but starting one costs every run 55 ms.
func Watch(ctx context.Context, limit Size, over, kill func()) (end func()) {
	before := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(before, limit.soft())) // collect garbage more often rather than stop
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			switch n := inUse(); {
			case n <= limit:
			case ctx.Err() == nil:
				over()
			case n > limit+limit/4:
				kill()
				return
			}
		}
	}()
	return func() { close(done); debug.SetMemoryLimit(before) }
}

// inUse is what the process has of the operating system, without the program's own file.
func inUse() Size {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return Size(s[0].Value.Uint64() - s[1].Value.Uint64())
}
