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
	// The process is short: collecting garbage less often saves a fifth of its time. Memory still grows no further than it would
	// because the limit makes the collector work again.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(96 << 20)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process at once
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
