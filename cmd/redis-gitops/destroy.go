package main

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/scaffold"
)

const destroyHelp = `Take away what generate added, to the byte.

What was changed since, and what the rest of the repository still refers to, is shown and nothing is removed, unless --force
is given. The data is not touched here, but deleting the resource from Git deletes it from the cluster.

Examples:
  redis-gitops destroy resource shop redis
  redis-gitops destroy resource shop redis-cache --dry-run`

func (a *app) destroyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "destroy",
		Short: "Take away what generate added",
		Long:  destroyHelp,
		Args:  subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, what := range []struct{ use, short, prefix, example string }{
		{"resource APP NAME", "Take away a resource: redis, or redis-cache with its suffix", "", "redis-gitops destroy resource shop redis-cache"},
		{"deployment APP NAME", "Take away a deployment", "deployment-", "redis-gitops destroy deployment shop sidekiq"},
	} {
		var flags planFlags
		sub := &cobra.Command{
			Use:   what.use,
			Short: what.short,
			Long: what.short + `: its files, its values and its env entries, to the byte.

What was changed since, and what the rest of the repository still refers to, stops it unless --force is given.

Examples:
  ` + what.example,
			Args:              fromUse,
			ValidArgsFunction: a.completeArgs(a.appNames, a.generatedNames(what.prefix)),
			RunE: func(c *cobra.Command, args []string) error {
				o, err := a.open(!flags.dryRun)
				if err != nil {
					return err
				}
				defer o.fs.Close()
				p, err := scaffold.PlanDestroy(c.Context(), o.Repo, scaffold.DestroyRequest{App: args[0], Name: what.prefix + args[1], Force: flags.force})
				return a.finish(o, &flags, p, err)
			},
		}
		flags.add(sub)
		c.AddCommand(sub)
	}
	return c
}
