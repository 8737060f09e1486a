// Package scaffoldcmd has the commands that change a repository and list what was generated in it.
package scaffoldcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// Commands returns the commands of the group.
func Commands(e *env.Env) []*cobra.Command {
	all := []*cobra.Command{newInit(e), newGenerate(e), newList(e), newDestroy(e), newRotate(e), newMigrate(e), newUndo(e)}
	for _, c := range all {
		e.AddLimits(c)
	}
	return all
}
