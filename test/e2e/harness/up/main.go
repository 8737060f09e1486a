// Command up keeps a cluster running for development until Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

func main() {
	var o harness.Options
	flag.DurationVar(&o.Resync, "resync", 30*time.Second, "interval between reconciles of the stand-in operator")
	flag.Parse()
	os.Exit(harness.Main(o, func(c *harness.Cluster) int {
		fmt.Printf(`A cluster is running; Ctrl-C ends it. Logs: %s

	export KUBECONFIG=%s
	ip netns exec %s kubectl get nodes
	ip netns exec %s %s/redis-gitops

`, c.Dir, c.Kubeconfig(), c.Netns, c.Netns, c.Bin)
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
		return 0
	}))
}
