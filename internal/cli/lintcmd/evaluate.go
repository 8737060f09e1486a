package lintcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/isolate"
)

// evaluateName is the hidden command that applies a user's rules in a process of its own.
const evaluateName = "evaluate-rules"

// NewEvaluate returns the hidden command that applies a user's rules.
func NewEvaluate(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use: evaluateName, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return isolate.Serve(c.Context(), e.In, e.Raw(e.Out)) },
	}
}
