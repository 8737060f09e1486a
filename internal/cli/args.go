package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// fromUse checks the number of arguments against the command's usage line, where those in brackets may be left out.
func fromUse(c *cobra.Command, args []string) error {
	words := strings.Fields(c.Use)[1:]
	usage := "usage: " + strings.TrimSuffix(c.UseLine(), " [flags]") + " [flags]"
	if len(args) > len(words) {
		return fmt.Errorf("unexpected argument %q; %s", args[len(words)], usage)
	}
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("%s is empty; %s", strings.Trim(words[i], "[]"), usage)
		}
	}
	for _, w := range words[len(args):] {
		if !strings.HasPrefix(w, "[") {
			return fmt.Errorf("%s is missing; %s", w, usage)
		}
	}
	return nil
}

// subcommand refuses what is no command of a command that only has others below it.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("unknown command %q for %q; %s%s", args[0], c.CommandPath(), finding.OneOf(names), finding.DidYouMean(args[0], names))
}

// words gives what the shell may complete, when the arguments before it are args.
type words func(o *opened, args []string) ([]string, error)

// completeArgs completes each argument by the function of its place. A repository that cannot be read completes nothing.
func (a *app) completeArgs(each ...words) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(each) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeFlag(each[len(args)])(c, args, typed)
	}
}

// completeFlag completes a flag's value from the repository.
func (a *app) completeFlag(values words) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		o, err := a.open(false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer o.fs.Close()
		names, err := values(o, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		// A shell puts what it is given on the line of the command.
		names = slices.DeleteFunc(names, func(name string) bool { return redact.Printable(name) != name || a.secrets.Text(name) != name })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) appNames(o *opened, _ []string) ([]string, error) {
	apps, err := o.Apps()
	var names []string
	for _, app := range apps {
		names = append(names, app.Name)
	}
	return slices.Compact(names), err
}

func (a *app) resourceTypes(o *opened, _ []string) ([]string, error) {
	operator, err := cue.OperatorNamed(o.config.Operator.Name)
	if err != nil {
		return nil, err
	}
	return scaffold.GeneratorTypes(o.Repo, "resources", operator.Types)
}

func (a *app) deploymentTypes(o *opened, _ []string) ([]string, error) {
	return scaffold.GeneratorTypes(o.Repo, "deployments", nil)
}

// generatedNames completes what generate made in the application; with a prefix only that, without the prefix.
func (a *app) generatedNames(prefix string) words {
	return func(o *opened, args []string) ([]string, error) {
		all, err := scaffold.Generated(o.Repo, args[0])
		var names []string
		for _, name := range all {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				names = append(names, rest)
			}
		}
		return names, err
	}
}

// profileNames completes a profile, of the operator or the configuration, or a size.
func (a *app) profileNames(sizes bool) words {
	return func(o *opened, _ []string) ([]string, error) {
		operator, err := cue.OperatorNamed(o.config.Operator.Name)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, p := range operator.Profiles() {
			if p.Size == sizes {
				names = append(names, p.Name)
			}
		}
		if !sizes {
			for name := range o.config.Defaults.Profiles {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
}

// complete registers the values of a flag.
func complete(c *cobra.Command, flag string, values []string) {
	register(c, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeOperator completes --operator with those that generate can create resources for.
func completeOperator(c *cobra.Command) {
	register(c, "operator", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return cue.GeneratedNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

func register(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag does not exist: a mistake in this package
	}
}
