package scaffoldcmd

import (
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

// planOptions are those of every command that makes a plan of changes to the repository.
type planOptions struct {
	*env.Env
	plan flags.Plan
}

// interactive reports whether a person can be asked. A dry run asks only for what it cannot do without.
func (o *planOptions) interactive() bool {
	return o.Terminal && !o.plan.Yes && o.plan.Output == "text"
}
