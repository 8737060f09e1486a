package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
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

func (a *app) portForwardCommand() *cobra.Command {
	var f flags.Cluster
	var replica bool
	c := &cobra.Command{
		Use:               "port-forward NAME [LOCAL]",
		Aliases:           []string{"redis:port-forward"},
		Short:             "Forward a local port to the current master",
		Long:              clusterLong(portForwardHelp, portForwardExamples),
		Args:              flags.FromUse,
		ValidArgsFunction: a.CompleteArgs(a.AppNames),
		RunE: func(c *cobra.Command, args []string) error {
			port := 0
			if len(args) > 1 {
				n, err := strconv.ParseUint(args[1], 10, 16)
				if err != nil || n == 0 {
					return fmt.Errorf("invalid port %q; use a number from 1 to 65535", args[1])
				}
				port = int(n)
			}
			return a.portForward(c.Context(), args[0], port, replica, &f)
		},
	}
	f.Add(c)
	c.Flags().BoolVar(&replica, "replica", false, "forward to a replica that is in sync")
	return c
}

func (a *app) portForward(ctx context.Context, name string, port int, replica bool, f *flags.Cluster) error {
	c, r, err := resolve.Live(ctx, a.Env, name, f)
	if err != nil {
		return err
	}
	return c.ForwardPort(ctx, r, cluster.Way{Replica: replica}, port, a.Step)
}
