package lint

import (
	"context"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Base is what the repository was like before a change.
type Base struct {
	Repo    *repo.Repo
	Changed []string // files that differ, sorted; also those that are gone
	// Compare returns what the rules that compare have against the change, and what could not be compared. nil has them off. Package
	// diff does it, which programs without a base leave out.
	Compare func(ctx context.Context) (found []*finding.Finding, notices []*finding.Problem, err error)
}

// compares reports whether rules that compare can run.
func (o *Options) compares() bool { return o.Base != nil && o.Base.Compare != nil }
