package scaffoldcmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// addonOptions are those of generate addon.
type addonOptions struct {
	planOptions
	req scaffold.AddonRequest
	set []string
}

func newAddon(e *env.Env) *cobra.Command {
	o := &addonOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:   "addon APP NAME KIND",
		Short: "Add a policy, monitoring or a proxy to a Redis",
		Long: `Add something to a Redis of an application: a template, and its values in
values.yaml. NAME is what generate calls the Redis (redis-cache) or its name in
the cluster; it may be written by hand. What the template says of the Redis
follows from its resource, and generate update renews it.

Kinds:

` + addonKinds() + `
With --clients, an addon that has a URL of its own, such as proxy, also gets the
clients: addresses of the master's Service in the values and manifests of the
application become those of the addon. destroy addon changes them back.

An addon that the operator of the Redis has no use for is refused, with the
reason. docs/addons.md has the values of each.

Examples:
  redis-gitops generate addon shop redis network-policy
  redis-gitops generate addon shop redis network-policy --set metricsNamespace=monitoring --dry-run
  redis-gitops generate addon shop redis-cache proxy --clients`,
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames, generatedNames(""), addonNames),
		RunE: func(c *cobra.Command, args []string) error {
			o.req.App, o.req.Redis, o.req.Kind = args[0], args[1], args[2]
			return o.run(c.Context())
		},
	}
	o.plan.Add(c)
	c.Flags().StringArrayVar(&o.set, "set", nil, "set a value, such as metricsNamespace=monitoring; may be repeated")
	c.Flags().BoolVar(&o.req.Clients, "clients", false, "point the clients of the application to the URL of the addon")
	return c
}

// addonKinds lists the kinds for the help.
func addonKinds() string {
	var b strings.Builder
	for _, a := range cue.Addons() {
		fmt.Fprintf(&b, "  %-15s %s\n", a.Name, a.Doc)
	}
	return b.String()
}

func addonNames(*env.Repository, []string) ([]string, error) {
	var names []string
	for _, a := range cue.Addons() {
		names = append(names, a.Name)
	}
	return names, nil
}

func (o *addonOptions) run(ctx context.Context) error {
	var err error
	if o.req.Set, err = parseSet(o.set); err != nil {
		return err
	}
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	p, err := o.resolve(ctx, func(on scaffold.OnConflict) (*scaffold.Plan, error) {
		o.req.Conflicts = on
		return scaffold.PlanAddon(ctx, r.Repo, r.Config, o.req)
	}, nil, nil)
	return o.finish(ctx, r, p, err)
}
