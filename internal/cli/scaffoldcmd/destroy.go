package scaffoldcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const destroyHelp = `Remove exactly what generate added.

Refuses if generated files have changed since, or if the repository still refers
to them; --force removes them anyway. Only files in Git are removed, but once
Argo CD or Flux applies the change, the resource is deleted from the cluster. On
a terminal, destroy lists the files and asks first; --yes does not.

Examples:
  redis-gitops destroy resource shop redis
  redis-gitops destroy resource shop redis-cache --dry-run
  redis-gitops destroy application shop`

const destroyApplicationHelp = `Remove an application that generate application created, with its directory.

Refuses, with all reasons at once, if

- generated resources or deployments are still in it; destroy them first
- files were added or generated files were changed since
- an Argo CD Application or ApplicationSet, a Flux object, a kustomization, a
  chart or the configuration still refers to it

With --force, changed files are removed, added files are kept, and references
are ignored. Generated resources and deployments always have to be destroyed
first.

Examples:
  redis-gitops destroy application shop
  redis-gitops destroy application shop --dry-run`

// destroyOptions are those of the commands below destroy.
type destroyOptions struct {
	planOptions
	prefix string // of the records of what is destroyed
}

func newDestroy(e *env.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Remove generated resources and applications",
		Long:  destroyHelp,
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, what := range []struct{ use, short, prefix, example string }{
		{"resource APP NAME", "Remove a resource", "", "redis-gitops destroy resource shop redis-cache"},
		{"deployment APP NAME", "Remove a deployment", "deployment-", "redis-gitops destroy deployment shop sidekiq"},
		{"addon APP NAME", "Remove an addon", "", "redis-gitops destroy addon shop redis-network-policy"},
	} {
		o := &destroyOptions{planOptions{Env: e}, what.prefix}
		sub := &cobra.Command{
			Use:   what.use,
			Short: what.short,
			Long: what.short + ` with its files, values and environment variables.

Refuses if they have changed since, or if the repository still refers to them, unless --force is given.

Examples:
  ` + what.example,
			Args:              flags.FromUse,
			ValidArgsFunction: e.CompleteArgs(e.AppNames, generatedNames(what.prefix)),
			RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
		}
		o.plan.Add(sub)
		c.AddCommand(sub)
	}
	c.AddCommand(newDestroyApplication(e))
	return c
}

func newDestroyApplication(e *env.Env) *cobra.Command {
	o := &destroyOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:               "application APP",
		Short:             "Remove an application",
		Long:              destroyApplicationHelp,
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames),
		RunE:              func(c *cobra.Command, args []string) error { return o.runApplication(c.Context(), args[0]) },
	}
	o.plan.Add(c)
	return c
}

func (o *destroyOptions) run(ctx context.Context, app, name string) error {
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	p, err := scaffold.PlanDestroy(ctx, r.Repo, scaffold.DestroyRequest{App: app, Name: o.prefix + name, Force: o.plan.Force})
	if err == nil {
		if err := o.confirmRemoval(ctx, p); err != nil {
			return err
		}
	}
	return o.finish(ctx, r, p, err)
}

func (o *destroyOptions) runApplication(ctx context.Context, app string) error {
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	past, end := o.past(r)
	defer end()
	p, err := scaffold.PlanDestroyApplication(ctx, r.Repo, scaffold.DestroyApplicationRequest{App: app, Force: o.plan.Force, Past: past})
	if err == nil {
		if err := o.confirmRemoval(ctx, p); err != nil {
			return err
		}
	}
	return o.finish(ctx, r, p, err)
}
