package connectcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

const failoverHelp = `Fail over to another pod of a Redis in Kubernetes through its sentinels.

Refuses to run unless there is exactly one master, the sentinels agree and have
quorum, a replica is ready, in sync and at most --max-lag behind, and the
operator is running (otherwise its Service would keep pointing to the old
master; --force continues without the operator). Then it sends SENTINEL
FAILOVER, waits for the new master, and demotes the old one at once: sentinels
take 8 seconds for this, and writes that the old master accepts meanwhile are
lost. It closes client connections to the old master until the Service points to
the new one. Operators update the Service after the failover; some take up to a
minute.

--to POD chooses the new master by setting its replica-priority to 1 until the
sentinels have promoted it.

--promote recovers a Redis without a master that cannot elect one: after
SENTINEL RESET the sentinels know no replicas, and the operator waits for them
forever (doctor reports this state). It promotes the replica with the most data,
or the pod of --to, makes the other pods follow it, and points the sentinels to
it. Data that exists only on other pods is lost, so the command shows what each
pod has and asks first; --yes does not ask. --force also promotes if pods do not
respond, or if the sentinels or the operator could still elect a master.

Write downtime is measured on the servers: a write that changes nothing (SET
with XX of a key that does not exist) is sent to each every 20 ms. Downtime for
clients is longer, since they have to find the new master first.

Exit codes: 0 done; 1 refused, nothing was changed; 2 failed, or the cluster
could not be queried.`

const failoverExamples = `
  redis-gitops failover shop --dry-run
  redis-gitops failover shop
  redis-gitops failover shop --to rfr-shop-2
  redis-gitops failover shop --promote`

// failoverOptions are those of failover.
type failoverOptions struct {
	*env.Env
	flags.Cluster
	dryRun, promote, force, yes bool
	to                          string
	wait                        time.Duration
	maxLag                      int64
}

func newFailover(e *env.Env) *cobra.Command {
	o := &failoverOptions{Env: e}
	c := &cobra.Command{
		Use:               "failover NAME",
		Aliases:           []string{"redis:failover"},
		Short:             "Fail over to another pod",
		Long:              clusterLong(failoverHelp, failoverExamples),
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.Add(c)
	set := c.Flags()
	set.BoolVar(&o.dryRun, "dry-run", false, "only run the checks")
	set.StringVar(&o.to, "to", "", "pod to promote (default: the sentinels choose)")
	set.BoolVar(&o.promote, "promote", false, "promote a replica directly, if there is no master and the sentinels cannot elect one")
	set.BoolVar(&o.force, "force", false, "continue if the operator is not running; with --promote, also if pods do not respond")
	set.BoolVar(&o.yes, "yes", false, "with --promote: do not prompt")
	set.DurationVar(&o.wait, "wait", 2*time.Minute, "how long to wait for the new master, and then for its Service")
	set.Int64Var(&o.maxLag, "max-lag", 1<<20, "maximum replication lag of the best replica, in bytes")
	flags.Register(c, "to", cobra.NoFileCompletions)
	return c
}

func (o *failoverOptions) run(ctx context.Context, name string) error {
	if o.wait <= 0 || o.maxLag <= 0 {
		return errors.New("--wait and --max-lag must be more than 0")
	}
	if o.yes && !o.promote {
		return errors.New("--yes is only valid with --promote; remove it")
	}
	c, r, err := resolve.Live(ctx, o.Env, name, &o.Cluster)
	if err != nil {
		return err
	}
	options := cluster.FailoverOptions{DryRun: o.dryRun, Wait: o.wait, MaxLag: o.maxLag, Progress: o.Step, To: o.to, Force: o.force}
	act := c.Failover
	if o.promote {
		act = c.Promote
		options.Confirm = func(plan *cluster.Failover) error { return o.confirm(ctx, plan) }
	}
	result, err := act(ctx, r, options)
	if errors.Is(err, cluster.ErrNotReady) {
		return o.Findings(err)
	}
	if result == nil || result.Old == nil && result.New == nil {
		return err
	}
	if result.Old != nil && result.Old == result.New {
		o.Infof("pod %s is already the master", result.Old.Name)
		return err
	}
	if o.dryRun && err == nil {
		o.warn(result.Warnings)
		if o.promote {
			o.Infof("would %s", result.Plan())
		} else {
			o.Infof("%s can fail over: all checks pass", r)
		}
		return o.printNodes(result.Before, nil)
	}
	if result.After != nil {
		o.printFailover(result)
		err = errors.Join(err, o.printNodes(result.Before, result.After))
	}
	return err
}

func (o *failoverOptions) warn(warnings []string) {
	for _, w := range warnings {
		o.PrintErrf("%s %s\n", o.Paint(ui.Yellow, "warning:"), w)
	}
}

// confirm shows what each pod has, and asks.
func (o *failoverOptions) confirm(ctx context.Context, plan *cluster.Failover) error {
	o.warn(plan.Warnings)
	if err := o.printNodes(plan.Before, nil); err != nil {
		return err
	}
	if o.yes {
		o.Infof("will %s", plan.Plan())
		return nil
	}
	return o.Approve(ctx, plan.Plan())
}

func (o *failoverOptions) printFailover(f *cluster.Failover) {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	if f.Old == nil {
		o.Infof("master: pod %s, promoted", f.New.Name)
		if f.Moved > 0 {
			o.Infof("Service %s: points to the new master after %v", f.Service, f.Moved.Round(100*time.Millisecond))
		}
		return
	}
	o.Infof("master: pod %s instead of %s, after %v", f.New.Name, f.Old.Name, ms(f.Promoted))
	switch w := f.Writes; {
	case !w.Known:
		o.Infof("writes: not measured, %s", w.Why)
	case w.Longer > 0:
		o.Infof("writes: no downtime, but the old master accepted writes for %v in parallel to the new one; they are lost", ms(w.Longer))
	case w.Gap() == 0:
		o.Infof("writes: no downtime measured (one write every 20 ms)")
	default:
		o.Infof("writes: downtime %v, to within 20 ms (the old master accepted writes until %v, the new one from %v)", ms(w.Gap()), ms(w.Until), ms(w.From))
	}
	if f.Moved > 0 {
		o.Infof("Service %s: points to the new master after %v", f.Service, f.Moved.Round(100*time.Millisecond))
	}
	o.Infof("closed connections to the old master: %d", f.Killed)
}

// printNodes shows the servers, before and after.
func (o *failoverOptions) printNodes(before, after *cluster.State) error {
	if o.Quiet {
		return nil
	}
	w := o.Table(0)
	head := "POD\tROLE\tKEYS\tOFFSET\tLAG"
	if after != nil {
		head = "POD\tBEFORE\tAFTER\tKEYS\tOFFSET\tLAG"
	}
	w.Row("%s", ui.Trusted(head))
	for i, s := range before.Servers {
		cells := []any{s.Pod.Name, role(s)}
		state, server := before, s
		if after != nil {
			if i < len(after.Servers) {
				state, server = after, after.Servers[i]
			}
			cells = append(cells, role(server))
		}
		w.Row(strings.Repeat("%s\t", len(cells)+1)+"%s", append(cells, ui.Trusted(holds(server)), lag(state, server))...)
	}
	return w.Flush()
}

func role(s *cluster.Server) string {
	if s.Err != nil {
		return "no response"
	}
	return s.Role
}

// holds returns the number of keys and the replication offset of a server.
func holds(s *cluster.Server) string {
	if s.Err != nil {
		return "-\t-"
	}
	return fmt.Sprintf("%d\t%d", s.Keys(), s.Offset())
}

// lag returns the bytes that a replica is behind.
func lag(state *cluster.State, s *cluster.Server) string {
	if n, known := state.Lag(s); known {
		return fmt.Sprintf("%d B", n)
	}
	return "-"
}
