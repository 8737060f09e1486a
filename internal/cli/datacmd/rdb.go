package datacmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

func newRDB(e *env.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "rdb",
		Short: "Inspect, verify, convert and filter RDB files",
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newInfo(e), newKeys(e), newShow(e), newTree(e), newDiff(e), newVerify(e), newConvert(e), newFilter(e), newServe(e))
	return c
}
