package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
)

const failoverHelp = `Make the sentinels of a Redis in Kubernetes choose another master, after checks that it will work.

It is refused when there is not one master, when the sentinels do not agree or have no quorum, or when no replica is in sync,
ready and at most --max-lag behind. Then it sends SENTINEL FAILOVER, waits for the new master, and makes the old one follow it at
once: sentinels let 8 seconds pass, in which the old one takes writes that are lost. It closes the connections of clients to the
old one until the Service leads to the new one: they would go on reading from it. Operators move the Service some time after the
sentinels: Spotahome's up to a minute later.

How long writes failed is what the servers themselves say: a write that changes nothing (SET of a key that does not exist, with
XX) is sent to each every 20 ms. Clients see more, since they have to find the new master first.`

const failoverExamples = `
  redis-gitops failover shop --dry-run
  redis-gitops failover shop`

type failoverFlags struct {
	clusterFlags
	dryRun bool
	wait   time.Duration
	maxLag int64
}

func (a *app) failoverCommand() *cobra.Command {
	var f failoverFlags
	c := &cobra.Command{
		Use:               "failover NAME",
		Aliases:           []string{"redis:failover"},
		Short:             "Make another pod the master",
		Long:              clusterLong(failoverHelp, failoverExamples),
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames),
		RunE:              func(c *cobra.Command, args []string) error { return a.failover(c.Context(), args[0], &f) },
	}
	f.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "make the checks only")
	flags.DurationVar(&f.wait, "wait", 2*time.Minute, "how long to wait for the new master, and then for the Service")
	flags.Int64Var(&f.maxLag, "max-lag", 1<<20, "how many bytes of replication the best replica may be behind")
	return c
}

func (a *app) failover(ctx context.Context, name string, f *failoverFlags) error {
	if f.wait <= 0 || f.maxLag <= 0 {
		return errors.New("--wait and --max-lag must be more than 0")
	}
	c, r, err := a.findLive(ctx, name, &f.clusterFlags)
	if err != nil {
		return err
	}
	result, err := c.Failover(ctx, r, cluster.FailoverOptions{DryRun: f.dryRun, Wait: f.wait, MaxLag: f.maxLag, Progress: a.step})
	if errors.Is(err, cluster.ErrNotReady) {
		fmt.Fprintf(a.err, "%s %v\n", a.paint(red, "error:"), err)
		return errCode(exitFindings)
	}
	if result == nil || result.Old == nil {
		return err
	}
	if f.dryRun && err == nil {
		a.say("%s can fail over: the checks say yes", r)
		return a.printNodes(result.Before, nil)
	}
	if result.After != nil {
		a.printFailover(result)
		err = errors.Join(err, a.printNodes(result.Before, result.After))
	}
	return err
}

func (a *app) printFailover(f *cluster.Failover) {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	a.say("master: pod %s instead of %s, after %v", f.New.Name, f.Old.Name, ms(f.Promoted))
	switch w := f.Writes; {
	case !w.Known:
		a.say("writes: not measured, %s", w.Why)
	case w.Longer > 0:
		a.say("writes: always taken by a server; but the old master took some for %v beside the new one, which are lost", ms(w.Longer))
	case w.Gap() == 0:
		a.say("writes: taken by a server all the time, as far as a write every 20 ms can tell")
	default:
		a.say("writes: taken by no server for %v, to the 20 ms (by the old master until %v, by the new one from %v)", ms(w.Gap()), ms(w.Until), ms(w.From))
	}
	if f.Moved > 0 {
		a.say("Service %s: leads to the new master after %v", f.Service, f.Moved.Round(100*time.Millisecond))
	}
	a.say("connections to the old master that were closed: %d", f.Killed)
}

// printNodes shows the servers, before and after.
func (a *app) printNodes(before, after *cluster.State) error {
	if a.quiet {
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	head := "POD\tROLE\tLAG"
	if after != nil {
		head = "POD\tBEFORE\tAFTER\tLAG"
	}
	fmt.Fprintln(w, head)
	for i, s := range before.Servers {
		fmt.Fprintf(w, "%s\t%s", s.Pod.Name, role(s))
		state, server := before, s
		if after != nil {
			if i < len(after.Servers) {
				state, server = after, after.Servers[i]
			}
			fmt.Fprintf(w, "\t%s", role(server))
		}
		fmt.Fprintf(w, "\t%s\n", lag(state, server))
	}
	return w.Flush()
}

func role(s *cluster.Server) string {
	if s.Err != nil {
		return "no answer"
	}
	return s.Role
}

// lag gives the bytes that a replica is behind.
func lag(state *cluster.State, s *cluster.Server) string {
	if n, known := state.Lag(s); known {
		return fmt.Sprintf("%d B", n)
	}
	return "-"
}
