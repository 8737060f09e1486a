package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const updateHelp = `Bring what was generated up to date with its generators, by a three-way merge.

What you changed in the files stays. Where you and the generator changed the same lines, both are shown, nothing is written
and the exit code is 2. Values are never changed; those that a generator has gained are added.

What k of Reclaim the Stack or a person made has no record of what the generator gave then. Name its application: the answer
is looked for in Git's history.

Examples:
  redis-gitops generate update
  redis-gitops generate update shop redis-cache --dry-run
  redis-gitops generate update --check    # in CI: exit code 1 when something is behind`

func (a *app) updateCommand() *cobra.Command {
	var flags planFlags
	var check bool
	c := &cobra.Command{
		Use:   "update [APP [NAME]]",
		Short: "Bring generated files up to date with their generators",
		Long:  updateHelp,
		Args:  fromUse,

		ValidArgsFunction: a.completeArgs(a.appNames, a.generatedNames("")),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.dryRun = flags.dryRun || check
			o, err := a.open(!flags.dryRun)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			args = append(args, "", "")
			history := &git.Repo{Dir: o.dir}
			defer a.leftovers.add(func() { history.Close() })()
			defer history.Close()
			p, err := scaffold.PlanUpdate(cmd.Context(), o.Repo, o.config, scaffold.UpdateRequest{App: args[0], Name: args[1], Past: past(history)})
			if err := a.finish(o, &flags, p, err); err != nil {
				return err
			}
			if check && p.Changed() {
				return errCode(exitFindings)
			}
			return nil
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&check, "check", false, "write nothing; exit code 1 when something is behind its generator")
	return c
}

// past gives a file as it was when it was committed first, and another as it was in that commit.
func past(history *git.Repo) func(ctx context.Context, file, beside string) (first, other []byte, err error) {
	return func(ctx context.Context, file, beside string) (first, other []byte, err error) {
		commit, err := history.Added(ctx, file)
		if err != nil {
			return nil, nil, err
		}
		if first, err = history.File(ctx, commit, file); err != nil || beside == "" {
			return first, nil, err
		}
		if other, err = history.File(ctx, commit, beside); errors.Is(err, fs.ErrNotExist) {
			return first, nil, nil
		}
		return first, other, err
	}
}
