package connectcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
)

const cliHelp = `Run redis-cli on the current master of a Redis in Kubernetes, in its pod and
with a terminal.

The master is found by asking the pods for their role, not by label. Arguments
after -- are passed to redis-cli unchanged: no shell expands blanks, quotes or
*. The password comes from the Secret, or from the container's environment, and
never appears in a process list. Exits with the exit code of redis-cli.

--local runs the local redis-cli over a port-forward that follows the master
through failovers: for images without redis-cli, or if you have no permission to
exec into pods.`

const cliExamples = `
  redis-gitops cli shop
  redis-gitops cli shop -- KEYS 'cart:*'
  redis-gitops cli shop -- SET greeting "good morning"
  redis-gitops cli shop --replica -- --bigkeys
  redis-gitops cli shop --local -- --stat`

const sentinelCLIHelp = `Run redis-cli on a sentinel of a Redis in Kubernetes; see the cli command for
the details.`

const sentinelCLIExamples = `
  redis-gitops sentinel-cli shop
  redis-gitops sentinel-cli shop -- SENTINEL MASTER mymaster`

// cliOptions are those of cli and sentinel-cli.
type cliOptions struct {
	*env.Env
	flags.Cluster
	local, replica, sentinel bool
}

func newCLI(e *env.Env) *cobra.Command {
	o := &cliOptions{Env: e}
	c := o.command("cli", "Run redis-cli on the current master", clusterLong(cliHelp, cliExamples))
	c.Flags().BoolVar(&o.replica, "replica", false, "run on a replica that is in sync (read-only)")
	return c
}

func newSentinelCLI(e *env.Env) *cobra.Command {
	o := &cliOptions{Env: e, sentinel: true}
	return o.command("sentinel-cli", "Run redis-cli on a sentinel", clusterLong(sentinelCLIHelp, sentinelCLIExamples))
}

func (o *cliOptions) command(name, short, long string) *cobra.Command {
	c := &cobra.Command{
		Use:               name + " NAME [-- ARGS]",
		Aliases:           []string{"redis:" + name},
		Short:             short,
		Long:              long,
		ValidArgsFunction: o.CompleteArgs(o.AppNames),
		Args: func(c *cobra.Command, args []string) error {
			dash := c.ArgsLenAtDash()
			if dash < 0 {
				dash = len(args)
			}
			switch {
			case dash == 0 || args[0] == "":
				return fmt.Errorf("NAME is missing; usage: %s", c.UseLine())
			case dash > 1:
				return fmt.Errorf("unexpected argument %q; pass arguments for redis-cli after --", args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1:]) },
	}
	o.Add(c)
	c.Flags().BoolVar(&o.local, "local", false, "run the local redis-cli over a port-forward")
	return c
}

func (o *cliOptions) run(ctx context.Context, name string, args []string) error {
	c, r, err := resolve.Live(ctx, o.Env, name, &o.Cluster)
	if err != nil {
		return err
	}
	way, auth := cluster.Way{Replica: o.replica}, r.Auth
	if o.sentinel {
		if way.Pod, auth, err = sentinelPod(r); err != nil {
			return err
		}
	}
	cli := cluster.CLI{Args: args, Out: o.Raw(o.Out), Err: o.Raw(o.Err)} // as kubectl exec: what redis-cli prints is data
	if o.Terminal || readsInput(args) {
		cli.In = o.In
	}
	if o.local {
		cli.TLS = o.TLS.CLI()
		if o.Terminal { // which redis-cli looks for at the other end
			cli.Out, cli.Err = os.Stdout, os.Stderr
		}
		err = c.RunLocalCLI(ctx, r, way, auth, cli, func(text string) { o.Debugf("%s", text) })
	} else {
		err = o.remote(ctx, c, r, way, auth, cli)
	}
	var exit *cluster.ExitError
	if errors.As(err, &exit) {
		return exitcode.Code(exit.Code)
	}
	return err
}

func (o *cliOptions) remote(ctx context.Context, c *cluster.Cluster, r *cluster.Redis, way cluster.Way, auth *instance.Auth, cli cluster.CLI) (err error) {
	pod := way.Pod
	switch {
	case pod != nil:
	case way.Replica:
		pod, err = c.Replica(ctx, r)
	default:
		pod, err = c.Master(ctx, r)
	}
	if err != nil {
		return err
	}
	o.Debugf("pod %s, container %s", pod.Name, pod.Container)
	if o.Terminal {
		fd := int(os.Stdin.Fd())
		state, err := term.MakeRaw(fd)
		if err != nil {
			return err
		}
		defer o.AtExit(func() { _ = term.Restore(fd, state) })()
		defer func() { _ = term.Restore(fd, state) }()
		cli.Terminal, cli.Size = true, terminalSize(ctx)
	}
	return c.RunCLI(ctx, r, pod, auth, cli)
}

// sentinelPod returns the first sentinel that is ready.
func sentinelPod(r *cluster.Redis) (*cluster.Pod, *instance.Auth, error) {
	if r.Sentinel == nil {
		return nil, nil, fmt.Errorf("%s has no sentinels", r)
	}
	if i := slices.IndexFunc(r.Watchers, func(p *cluster.Pod) bool { return p.Ready }); i >= 0 {
		return r.Watchers[i], r.Sentinel.Auth, nil
	}
	return nil, nil, fmt.Errorf("no sentinel of %s is ready; see doctor", r)
}

// readsInput reports whether redis-cli reads its standard input, so that it is sent there. In a loop of a script it must not be.
func readsInput(args []string) bool {
	return len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return arg == "-x" || arg == "-X" || arg == "--pipe" })
}

// sizeEvery is how often the terminal is asked for its size: there is no signal that all systems have.
const sizeEvery = 250 * time.Millisecond

// terminalSize returns the size of the terminal, then each other one that it gets.
func terminalSize(ctx context.Context) func() (width, height uint16, ok bool) {
	var last [2]int
	return func() (uint16, uint16, bool) {
		tick := time.NewTicker(sizeEvery)
		defer tick.Stop()
		for {
			width, height, err := term.GetSize(int(os.Stdout.Fd()))
			if now := [2]int{width, height}; err == nil && now != last {
				last = now
				return uint16(width), uint16(height), true
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return 0, 0, false
			}
		}
	}
}
