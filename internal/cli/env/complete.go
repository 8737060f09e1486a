package env

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/redact"
)

// Words returns what the shell may complete, when the arguments before it are args.
type Words func(o *Repository, args []string) ([]string, error)

// CompleteArgs completes each argument by the function of its place. A repository that cannot be read completes nothing.
func (e *Env) CompleteArgs(each ...Words) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(each) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.CompleteFlag(each[len(args)])(c, args, typed)
	}
}

// CompleteFlag completes a flag's value from the repository.
func (e *Env) CompleteFlag(values Words) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		o, err := e.Open(completing(c), false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer o.FS.Close()
		names, err := values(o, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		// A shell puts what it is given on the line of the command.
		names = slices.DeleteFunc(names, func(name string) bool { return redact.Printable(name) != name || e.Secrets.Text(name) != name })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// AppNames completes the name of an application.
func (e *Env) AppNames(o *Repository, _ []string) ([]string, error) {
	apps, err := o.Apps()
	var names []string
	for _, app := range apps {
		names = append(names, app.Name)
	}
	return slices.Compact(names), err
}

// completing returns the context of the command that is completed, which has none of its own.
func completing(c *cobra.Command) context.Context {
	if ctx := c.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}
