package scaffoldcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// applicationOptions are those of generate application.
type applicationOptions struct {
	planOptions
	req scaffold.ApplicationRequest
}

func newApplication(e *env.Env) *cobra.Command {
	o := &applicationOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:   "application APP",
		Short: "Generate an application: a chart, or a kustomization",
		Long: `Generate an application: a chart with empty values and their JSON Schema or,
with --kustomize, an empty kustomization.

Examples:
  redis-gitops generate application shop
  redis-gitops generate application reports --kustomize`,
		Args: flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.plan.Add(c)
	c.Flags().BoolVar(&o.req.Kustomize, "kustomize", false, "generate a kustomization instead of a chart")
	return c
}

func (o *applicationOptions) run(ctx context.Context, app string) error {
	o.req.App = app
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	p, err := o.resolve(ctx, func(on scaffold.OnConflict) (*scaffold.Plan, error) {
		o.req.Conflicts = on
		return scaffold.PlanApplication(r.Repo, o.req)
	}, nil, nil)
	return o.finish(ctx, r, p, err)
}
