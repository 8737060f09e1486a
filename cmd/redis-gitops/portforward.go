package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
)

const portForwardHelp = `Listen on a port of this machine and pass connections on to the current master of a Redis in Kubernetes, until Ctrl-C.

The master and a sentinel are asked five times a second whether it still is one. When another pod is, open connections are closed, so that clients
connect again and reach the new one: kubectl port-forward of a Service stays with the pod that it began with. LOCAL is the port
of this machine; without it, any free one is taken and printed.`

const portForwardExamples = `
  redis-gitops port-forward shop 6379
  redis-gitops port-forward shop 6380 --replica`

func (a *app) portForwardCommand() *cobra.Command {
	var f clusterFlags
	var replica bool
	c := &cobra.Command{
		Use:               "port-forward NAME [LOCAL]",
		Aliases:           []string{"redis:port-forward"},
		Short:             "Forward a local port to the master, through failovers",
		Long:              clusterLong(portForwardHelp, portForwardExamples),
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames),
		RunE: func(c *cobra.Command, args []string) error {
			port := 0
			if len(args) > 1 {
				n, err := strconv.ParseUint(args[1], 10, 16)
				if err != nil || n == 0 {
					return fmt.Errorf("%q is no port; give a number from 1 to 65535", args[1])
				}
				port = int(n)
			}
			return a.portForward(c.Context(), args[0], port, replica, &f)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&replica, "replica", false, "to a replica that is in sync")
	return c
}

func (a *app) portForward(ctx context.Context, name string, port int, replica bool, f *clusterFlags) error {
	c, r, err := a.findLive(ctx, name, f)
	if err != nil {
		return err
	}
	return c.ForwardPort(ctx, r, cluster.Way{Replica: replica}, port, a.step)
}
