// Package lintcmd has the commands that check, render and compare a repository.
package lintcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// Commands returns the commands of the group. The version is that of the tool, for reports.
func Commands(e *env.Env, version string) []*cobra.Command {
	return []*cobra.Command{e.AddLimits(newLint(e, version)), e.AddLimits(newRender(e)), e.AddLimits(newDiff(e, version)), e.AddLimits(newAssess(e)), newComment(e)}
}
