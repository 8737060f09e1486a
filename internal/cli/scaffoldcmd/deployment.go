package scaffoldcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// deploymentOptions are those of generate deployment.
type deploymentOptions struct {
	planOptions
	req scaffold.DeploymentRequest
}

func newDeployment(e *env.Env) *cobra.Command {
	o := &deploymentOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:   "deployment APP TYPE",
		Short: "Add a deployment to an application",
		Long: `Add a deployment to an application: a template from
generators/deployments/TYPE.yaml and its values in values.yaml.

Examples:
  redis-gitops generate deployment shop web --image registry.example.com/shop:1 --hostname shop.example.com
  redis-gitops generate deployment shop sidekiq --name sidekiq-mail`,
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames, deploymentTypes),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	o.plan.Add(c)
	f := c.Flags()
	f.StringVar(&o.req.Name, "name", "", "name of the deployment (default: the type)")
	f.StringVar(&o.req.Image, "image", "", "container image (default: APP:latest)")
	f.StringVar(&o.req.Hostname, "hostname", "", "hostname to route to it in platform/cloudflared/config.yaml")
	return c
}

func (o *deploymentOptions) run(ctx context.Context, app, kind string) error {
	o.req.App, o.req.Type = app, kind
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	p, err := o.resolve(ctx, func(on scaffold.OnConflict) (*scaffold.Plan, error) {
		o.req.Conflicts = on
		return scaffold.PlanDeployment(ctx, r.Repo, o.req)
	}, nil, nil)
	return o.finish(ctx, r, p, err)
}
