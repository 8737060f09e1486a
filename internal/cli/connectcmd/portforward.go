package connectcmd

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
)

const portForwardHelp = `Forward a local port to the current master of a Redis in Kubernetes, until
Ctrl-C.

The master and a sentinel are polled five times a second. After a failover, open
connections are closed, so that clients reconnect to the new master; kubectl
port-forward would stay connected to the old pod. LOCAL is the local port; if
omitted, a free one is chosen and printed.`

const portForwardExamples = `
  redis-gitops port-forward shop 6379
  redis-gitops port-forward shop 6380 --replica`

// portForwardOptions are those of port-forward.
type portForwardOptions struct {
	*env.Env
	flags.Cluster
	replica bool
}

func newPortForward(e *env.Env) *cobra.Command {
	o := &portForwardOptions{Env: e}
	c := &cobra.Command{
		Use:               "port-forward NAME [LOCAL]",
		Aliases:           []string{"redis:port-forward"},
		Short:             "Forward a local port to the current master",
		Long:              clusterLong(portForwardHelp, portForwardExamples),
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames),
		RunE: func(c *cobra.Command, args []string) error {
			port := 0
			if len(args) > 1 {
				n, err := strconv.ParseUint(args[1], 10, 16)
				if err != nil || n == 0 {
					return fmt.Errorf("invalid port %q; use a number from 1 to 65535", args[1])
				}
				port = int(n)
			}
			return o.run(c.Context(), args[0], port)
		},
	}
	o.Add(c)
	c.Flags().BoolVar(&o.replica, "replica", false, "forward to a replica that is in sync")
	return c
}

func (o *portForwardOptions) run(ctx context.Context, name string, port int) error {
	c, r, err := resolve.Live(ctx, o.Env, name, &o.Cluster)
	if err != nil {
		return err
	}
	return c.ForwardPort(ctx, r, cluster.Way{Replica: o.replica}, port, o.Step)
}
