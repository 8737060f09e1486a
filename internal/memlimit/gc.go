package memlimit

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// minMemory is how much the process takes, in bytes, before garbage is collected at all.
	minMemory = 66 << 20
	// minHeap and growth are when it is collected again: at this size of all objects, in bytes, and when they take so much more than
	// what was left of them, in percent.
	minHeap = 50 << 20
	growth  = 75
)

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
	debug.SetMemoryLimit(min(minMemory, top))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	// From the first collection on it is not all memory that counts: the room between what is kept is as much again, and a limit that
	// includes it would have the collector run without end.
	type sentinel struct{ _ *byte } // with a pointer, since small values without one share their memory
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(live)
		debug.SetGCPercent(percent(live[0].Value.Uint64()))
		debug.SetMemoryLimit(top)
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

// percent is how much more than what is kept objects may take, in percent of that.
func percent(live uint64) int {
	live = max(live, 1)
	return max(growth, int((minHeap-min(live, minHeap))*100/live))
}

// frugalGrowth is how much larger the heap may get before it is collected, in percent.
const frugalGrowth = 50

// CollectOften has garbage collected at half of the usual growth, for a process that makes little of it and holds a few MB: that
// saves memory and costs an import nothing that could be measured (make bench-import).
func CollectOften() (restore func()) {
	before := debug.SetGCPercent(frugalGrowth)
	return func() { debug.SetGCPercent(before) }
}
