package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const initHelp = `Create a GitOps repository in a directory: its layout, a configuration with all
options as comments, generators, Argo CD's root application, a pre-commit hook
and CI files. In an existing repository, only missing files that fit are added:
the URL comes from the remote of Git, and Argo CD or Flux, GitHub or GitLab and
the directories of applications are recognized.

Examples:
  redis-gitops init
  redis-gitops init devops --operator opstree
  redis-gitops init devops --dry-run`

func (a *app) initCommand() *cobra.Command {
	var plan flags.Plan
	var req scaffold.InitRequest
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Create a GitOps repository, or add missing files",
		Long:  initHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			dir := a.Dir
			if len(args) == 1 && filepath.IsAbs(args[0]) {
				dir = args[0]
			} else if len(args) == 1 {
				dir = filepath.Join(a.Dir, args[0])
			}
			if !plan.DryRun {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return fmt.Errorf("cannot create %s: %w", dir, err)
				}
			}
			fs, err := a.OpenFS(dir)
			if err != nil {
				return err
			}
			defer fs.Close()
			if !plan.DryRun {
				if err := a.Recover(c.Context(), fs); err != nil {
					return err
				}
			}
			r, err := repo.Open(fs, repo.Options{Secret: a.SecretIn})
			if err != nil {
				return err
			}
			p, err := scaffold.PlanInit(c.Context(), r, req)
			return a.finish(c.Context(), &env.Repository{Repo: r, FS: fs}, &plan, p, err)
		},
	}
	plan.Add(c)
	c.Flags().StringVar(&req.Operator, "operator", "", "operator to install and to generate resources for (default: operator.name of the configuration)")
	completeOperator(c)
	return c
}
