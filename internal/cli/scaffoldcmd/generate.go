package scaffoldcmd

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

const generateHelp = `Generate an application, resource, deployment or addon in the repository.

generate is idempotent. If a file or value exists with different content, it
reports a conflict with a diff, writes nothing and exits with 2; use --keep or
--force to resolve it. On a terminal, it asks what to do about a conflict, and
for the profile and authentication of a new Redis; --yes asks nothing.

Examples:
  redis-gitops generate application shop
  redis-gitops generate resource shop redis --profile queue
  redis-gitops generate resource shop redis --suffix cache --profile cache --set memory=1Gi --dry-run
  redis-gitops generate resource shop redis --auth sealed --cert sealed-secrets.pem
  redis-gitops generate deployment shop sidekiq
  redis-gitops generate addon shop redis network-policy`

func newGenerate(e *env.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "generate",
		Short: "Generate an application, resource, deployment or addon",
		Long:  generateHelp,
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newApplication(e), newResource(e), newDeployment(e), newAddon(e), newUpdate(e))
	return c
}
