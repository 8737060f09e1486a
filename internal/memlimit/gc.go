package memlimit

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// minMemory is how much the process takes, in bytes, before garbage is collected at all.
const minMemory = 98 << 20

// CollectSeldom has the garbage of a run, which is short, collected only when it is nearly as large as what is kept: that saves a
// fifth of the time of lint (make bench-lint). Memory stays below most, if that is not 0. Users who set GOGC or GOMEMLIMIT have
// decided for themselves.
func CollectSeldom(most Size) {
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

// frugalGrowth is how much larger the heap may get before it is collected, in percent.
const frugalGrowth = 50

// CollectOften has garbage collected at half of the usual growth, for a process that makes little of it and holds a few MB: that
// saves memory and costs an import nothing that could be measured (make bench-import).
func CollectOften() (restore func()) {
	before := debug.SetGCPercent(frugalGrowth)
	return func() { debug.SetGCPercent(before) }
}
