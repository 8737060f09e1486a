package flags

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/scaffold"
)

// Plan has the flags of every command that makes a plan of changes to the repository.
type Plan struct {
	DryRun, Force, Keep, Yes bool
	Output                   string
}

// Add adds all of them.
func (f *Plan) Add(c *cobra.Command) {
	f.AddCommon(c)
	c.Flags().BoolVar(&f.Force, "force", false, "overwrite conflicting files and values")
	c.Flags().BoolVar(&f.Keep, "keep", false, "keep existing files and values")
	c.MarkFlagsMutuallyExclusive("force", "keep")
}

// AddCommon adds those of a command whose conflicts nothing resolves.
func (f *Plan) AddCommon(c *cobra.Command) {
	c.Flags().BoolVar(&f.DryRun, "dry-run", false, "print the change as a patch for git apply and write nothing")
	c.Flags().BoolVarP(&f.Yes, "yes", "y", false, "do not prompt")
	AddOutput(c, &f.Output, "text", "json")
}

// Conflicts says what to do about what exists with other content.
func (f *Plan) Conflicts() scaffold.OnConflict {
	switch {
	case f.Force:
		return scaffold.Replace
	case f.Keep:
		return scaffold.Keep
	}
	return scaffold.Refuse
}
