package scaffoldcmd

import (
	"context"
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

// initOptions are those of init.
type initOptions struct {
	planOptions
	req scaffold.InitRequest
}

func newInit(e *env.Env) *cobra.Command {
	o := &initOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Create a GitOps repository, or add missing files",
		Long:  initHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			dir := e.Dir
			if len(args) == 1 && filepath.IsAbs(args[0]) {
				dir = args[0]
			} else if len(args) == 1 {
				dir = filepath.Join(e.Dir, args[0])
			}
			return o.run(c.Context(), dir)
		},
	}
	o.plan.Add(c)
	c.Flags().StringVar(&o.req.Operator, "operator", "", "operator to install and to generate resources for (default: operator.name of the configuration)")
	completeOperator(c)
	return c
}

func (o *initOptions) run(ctx context.Context, dir string) error {
	if !o.plan.DryRun {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot create %s: %w", dir, err)
		}
	}
	fs, err := o.OpenFS(dir)
	if err != nil {
		return err
	}
	defer fs.Close()
	if !o.plan.DryRun {
		if err := o.Recover(ctx, fs); err != nil {
			return err
		}
	}
	r, err := repo.Open(fs, repo.Options{Secret: o.SecretIn})
	if err != nil {
		return err
	}
	p, err := scaffold.PlanInit(ctx, r, o.req)
	return o.finish(ctx, &env.Repository{Repo: r, FS: fs}, p, err)
}
