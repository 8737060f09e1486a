// Package datacmd has the commands about the data of a Redis.
package datacmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// Commands returns the commands of the group.
func Commands(e *env.Env) []*cobra.Command {
	return []*cobra.Command{newImport(e), newDump(e), newBackup(e), newRestore(e), newRDB(e)}
}
