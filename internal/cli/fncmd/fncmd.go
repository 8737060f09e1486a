// Package fncmd has the commands that are KRM functions: they read a ResourceList on standard input, as kustomize and kpt write it, and
// write one to standard output.
//
// Source: cmd/config/docs/api-conventions/functions-spec.md of kubernetes-sigs/kustomize.
package fncmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

const fnHelp = `Run as a KRM function of kustomize or kpt: read a ResourceList on standard
input, and write it with findings or a new Redis to standard output.

Examples:
  kpt fn eval manifests --exec "redis-gitops fn lint"
  kustomize build --enable-alpha-plugins --enable-exec overlays/production`

// New returns the command fn.
func New(e *env.Env) *cobra.Command {
	c := &cobra.Command{Use: "fn", Short: "Run as a KRM function of kustomize or kpt", Long: fnHelp, Args: flags.Subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newLint(e), newGenerate(e))
	return e.AddLimits(c)
}
