// Package connectcmd has the commands about a Redis that the repository declares or that runs in Kubernetes.
package connectcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// Commands returns the commands of the group.
func Commands(e *env.Env) []*cobra.Command {
	return []*cobra.Command{
		e.AddLimits(newURL(e)), e.AddLimits(newSentinelURL(e)), newCLI(e), newSentinelCLI(e),
		newPortForward(e), newPrimaries(e), newFailover(e), newDoctor(e), e.AddLimits(newOperators(e)),
	}
}
