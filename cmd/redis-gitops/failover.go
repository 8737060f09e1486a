package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
)

const failoverHelp = `Fail over to another pod of a Redis in Kubernetes, through its sentinels.

Refuses to run unless there is exactly one master, the sentinels agree and have quorum, a replica is ready, in sync and at most
--max-lag behind, and the operator runs, without which its Service would stay with the old master (--force goes ahead without
the operator). Then it sends SENTINEL FAILOVER, waits for the new master, and makes the old one follow it at once: sentinels
wait 8 seconds, in which the old master accepts writes that are lost. It closes client connections to the old master until the
Service leads to the new one. Operators move the Service after the sentinels: Spotahome's up to a minute later.

--to POD chooses the new master: its replica-priority is 1 until the sentinels have promoted it.

--promote is for a Redis that has lost its master and gets no new one: after SENTINEL RESET the sentinels know no replica, and
the operator waits for them forever (doctor reports this state). It makes the replica with the most data the master, or the one
of --to, lets the others follow it, and points the sentinels to it. What only other pods have is lost, so it shows what each has
and asks first; --yes does not ask. --force also promotes while pods do not answer, or when the sentinels or the operator could
still make a master.

Write downtime is measured on the servers: a write that changes nothing (SET with XX of a key that does not exist) is sent to
each every 20 ms. Clients see more, since they have to find the new master first.

Exit code: 0 done; 1 refused, nothing was changed; 2 failed, or the cluster could not be asked.`

const failoverExamples = `
  redis-gitops failover shop --dry-run
  redis-gitops failover shop
  redis-gitops failover shop --to rfr-shop-2
  redis-gitops failover shop --promote`

type failoverFlags struct {
	clusterFlags
	dryRun, promote, force, yes bool
	to                          string
	wait                        time.Duration
	maxLag                      int64
}

func (a *app) failoverCommand() *cobra.Command {
	var f failoverFlags
	c := &cobra.Command{
		Use:               "failover NAME",
		Aliases:           []string{"redis:failover"},
		Short:             "Fail over to another pod",
		Long:              clusterLong(failoverHelp, failoverExamples),
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames),
		RunE:              func(c *cobra.Command, args []string) error { return a.failover(c.Context(), args[0], &f) },
	}
	f.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "run the checks only")
	flags.StringVar(&f.to, "to", "", "the pod to make the master (default: the sentinels choose)")
	flags.BoolVar(&f.promote, "promote", false, "promote a replica without the sentinels, when there is no master and they cannot elect one")
	flags.BoolVar(&f.force, "force", false, "go ahead although the operator is not running; with --promote, also although pods do not answer")
	flags.BoolVar(&f.yes, "yes", false, "with --promote: do not ask")
	flags.DurationVar(&f.wait, "wait", 2*time.Minute, "how long to wait for the new master, and then for the Service")
	flags.Int64Var(&f.maxLag, "max-lag", 1<<20, "how many bytes of replication the best replica may be behind")
	register(c, "to", cobra.NoFileCompletions)
	return c
}

func (a *app) failover(ctx context.Context, name string, f *failoverFlags) error {
	if f.wait <= 0 || f.maxLag <= 0 {
		return errors.New("--wait and --max-lag must be more than 0")
	}
	if f.yes && !f.promote {
		return errors.New("--yes is for --promote, which asks; leave it out")
	}
	c, r, err := a.findLive(ctx, name, &f.clusterFlags)
	if err != nil {
		return err
	}
	options := cluster.FailoverOptions{DryRun: f.dryRun, Wait: f.wait, MaxLag: f.maxLag, Progress: a.step, To: f.to, Force: f.force}
	act := c.Failover
	if f.promote {
		act = c.Promote
		options.Confirm = func(plan *cluster.Failover) error { return a.confirmPromotion(plan, f.yes) }
	}
	result, err := act(ctx, r, options)
	if errors.Is(err, cluster.ErrNotReady) {
		a.errf("%s %v\n", a.paint(red, "error:"), err)
		return errCode(exitFindings)
	}
	if result == nil || result.Old == nil && result.New == nil {
		return err
	}
	if f.dryRun && err == nil {
		a.warn(result.Warnings)
		if f.promote {
			a.say("would %s", result.Plan())
		} else {
			a.say("%s can fail over: all checks pass", r)
		}
		return a.printNodes(result.Before, nil)
	}
	if result.Old != nil && result.Old == result.New {
		a.say("pod %s is the master already", result.Old.Name)
		return err
	}
	if result.After != nil {
		a.printFailover(result)
		err = errors.Join(err, a.printNodes(result.Before, result.After))
	}
	return err
}

func (a *app) warn(warnings []string) {
	for _, w := range warnings {
		a.errf("%s %s\n", a.paint(yellow, "warning:"), w)
	}
}

// confirmPromotion shows what each pod has, and asks.
func (a *app) confirmPromotion(plan *cluster.Failover, yes bool) error {
	a.warn(plan.Warnings)
	if err := a.printNodes(plan.Before, nil); err != nil {
		return err
	}
	if yes {
		a.say("will %s", plan.Plan())
		return nil
	}
	if !a.terminal {
		return fmt.Errorf("would %s; add --yes to confirm, since there is no terminal to ask on", plan.Plan())
	}
	answer, err := a.ask(fmt.Sprintf("This will %s. Continue? [y/N] ", plan.Plan()))
	if err != nil {
		return err
	}
	if word := strings.ToLower(answer); word != "y" && word != "yes" {
		return errors.New("canceled; nothing was changed")
	}
	return nil
}

func (a *app) printFailover(f *cluster.Failover) {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	if f.Old == nil {
		a.say("master: pod %s, promoted", f.New.Name)
		if f.Moved > 0 {
			a.say("Service %s: leads to the new master after %v", f.Service, f.Moved.Round(100*time.Millisecond))
		}
		return
	}
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
	w := a.table(0)
	head := "POD\tROLE\tKEYS\tOFFSET\tLAG"
	if after != nil {
		head = "POD\tBEFORE\tAFTER\tKEYS\tOFFSET\tLAG"
	}
	w.row("%s", trusted(head))
	for i, s := range before.Servers {
		cells := []any{s.Pod.Name, role(s)}
		state, server := before, s
		if after != nil {
			if i < len(after.Servers) {
				state, server = after, after.Servers[i]
			}
			cells = append(cells, role(server))
		}
		w.row(strings.Repeat("%s\t", len(cells)+1)+"%s", append(cells, trusted(holds(server)), lag(state, server))...)
	}
	return w.Flush()
}

func role(s *cluster.Server) string {
	if s.Err != nil {
		return "no answer"
	}
	return s.Role
}

// holds gives the number of keys and the replication offset of a server.
func holds(s *cluster.Server) string {
	if s.Err != nil {
		return "-\t-"
	}
	return fmt.Sprintf("%d\t%d", s.Keys(), s.Offset())
}

// lag gives the bytes that a replica is behind.
func lag(state *cluster.State, s *cluster.Server) string {
	if n, known := state.Lag(s); known {
		return fmt.Sprintf("%d B", n)
	}
	return "-"
}
