package cli

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const destroyHelp = `Remove exactly what generate added.

Refuses if generated files have changed since, or if the repository still refers
to them; --force removes them anyway. Only files in Git are removed, but once
Argo CD or Flux applies the change, the resource is deleted from the cluster.

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

func (a *app) destroyCommand() *cobra.Command {
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
	} {
		var plan flags.Plan
		sub := &cobra.Command{
			Use:   what.use,
			Short: what.short,
			Long: what.short + ` with its files, values and environment variables.

Refuses if they have changed since, or if the repository still refers to them, unless --force is given.

Examples:
  ` + what.example,
			Args:              flags.FromUse,
			ValidArgsFunction: a.CompleteArgs(a.AppNames, a.generatedNames(what.prefix)),
			RunE: func(c *cobra.Command, args []string) error {
				o, err := a.Open(c.Context(), !plan.DryRun)
				if err != nil {
					return err
				}
				defer o.FS.Close()
				p, err := scaffold.PlanDestroy(c.Context(), o.Repo, scaffold.DestroyRequest{App: args[0], Name: what.prefix + args[1], Force: plan.Force})
				return a.finish(c.Context(), o, &plan, p, err)
			},
		}
		plan.Add(sub)
		c.AddCommand(sub)
	}
	c.AddCommand(a.destroyApplicationCommand())
	return c
}

func (a *app) destroyApplicationCommand() *cobra.Command {
	var plan flags.Plan
	c := &cobra.Command{
		Use:               "application APP",
		Short:             "Remove an application",
		Long:              destroyApplicationHelp,
		Args:              flags.FromUse,
		ValidArgsFunction: a.CompleteArgs(a.AppNames),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := a.Open(c.Context(), !plan.DryRun)
			if err != nil {
				return err
			}
			defer o.FS.Close()
			history := &git.Repo{Dir: o.Dir}
			defer a.AtExit(func() { history.Close() })()
			defer history.Close()
			p, err := scaffold.PlanDestroyApplication(c.Context(), o.Repo, scaffold.DestroyApplicationRequest{App: args[0], Force: plan.Force, Past: past(history)})
			return a.finish(c.Context(), o, &plan, p, err)
		},
	}
	plan.Add(c)
	return c
}
