// Command redis-gitops scaffolds and lints Redis in a GitOps repository, connects to it and fills it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	a := newApp()
	a.exit = os.Exit
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
