package scaffoldcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const undoHelp = `Undo the last change that redis-gitops made to the repository: init, generate,
destroy, lint --fix, or a change in the web UI. All files, their modes and their
directories are restored as they were.

Refuses if one of the files has changed since. One change can be undone; an undo
cannot. Git is not used: the change may be committed or not.

The lines that a change replaced are recorded in .git/redis-gitops or, in a
linked work tree or a subdirectory of a Git repository, in .redis-gitops/journal,
which Git ignores. Lines with a secret are never recorded; such a change can only
be undone with Git.

Examples:
  redis-gitops undo
  redis-gitops undo --dry-run`

func newUndo(e *env.Env) *cobra.Command {
	o := &planOptions{Env: e}
	c := &cobra.Command{
		Use:   "undo",
		Short: "Undo the last change to the repository",
		Long:  undoHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := o.Open(c.Context(), !o.plan.DryRun)
			if err != nil {
				return err
			}
			defer r.FS.Close()
			p, err := scaffold.PlanUndo(r.Repo)
			return o.finish(c.Context(), r, p, err)
		},
	}
	o.plan.AddCommon(c)
	return c
}
