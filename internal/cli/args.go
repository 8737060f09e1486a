package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
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

func (a *app) resourceTypes(o *env.Repository, _ []string) ([]string, error) {
	operator, err := cue.OperatorNamed(o.Config.Operator.Name)
	if err != nil {
		return nil, err
	}
	return scaffold.GeneratorTypes(o.Repo, "resources", operator.Types)
}

func (a *app) deploymentTypes(o *env.Repository, _ []string) ([]string, error) {
	return scaffold.GeneratorTypes(o.Repo, "deployments", nil)
}

// generatedNames completes what generate made in the application; with a prefix only that, without the prefix.
func (a *app) generatedNames(prefix string) env.Words {
	return func(o *env.Repository, args []string) ([]string, error) {
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
func (a *app) profileNames(sizes bool) env.Words {
	return func(o *env.Repository, _ []string) ([]string, error) {
		operator, err := cue.OperatorNamed(o.Config.Operator.Name)
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
			for name := range o.Config.Defaults.Profiles {
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
