// Command redis-gitops scaffolds Redis in a GitOps repository.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// The process is short: collecting garbage less often saves a third of its time, and the limit keeps that from taking memory.
	if collectSeldom() {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(minMemory)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process at once
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// minMemory is the heap in bytes from which on garbage is collected more often; memoryOfApplication is what lint keeps of one
// application, with room (measured on 1,000 of them).
const (
	minMemory           = 130 << 20
	memoryOfApplication = 140 << 10
)

// collectSeldom says whether the user has left the garbage collector to us.
func collectSeldom() bool { return os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" }
