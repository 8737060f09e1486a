package scaffoldcmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

func resourceTypes(r *env.Repository, _ []string) ([]string, error) {
	operator, err := cue.OperatorNamed(r.Config.Operator.Name)
	if err != nil {
		return nil, err
	}
	return scaffold.GeneratorTypes(r.Repo, "resources", operator.Types)
}

func deploymentTypes(r *env.Repository, _ []string) ([]string, error) {
	return scaffold.GeneratorTypes(r.Repo, "deployments", nil)
}

// generatedNames completes what generate made in the application; with a prefix only that, without the prefix.
func generatedNames(prefix string) env.Words {
	return func(r *env.Repository, args []string) ([]string, error) {
		all, err := scaffold.Generated(r.Repo, args[0])
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
func profileNames(sizes bool) env.Words {
	return func(r *env.Repository, _ []string) ([]string, error) {
		operator, err := cue.OperatorNamed(r.Config.Operator.Name)
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
			for name := range r.Config.Defaults.Profiles {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
}

// completeOperator completes --operator with those that generate can create resources for.
func completeOperator(c *cobra.Command) {
	flags.Register(c, "operator", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return cue.GeneratedNames(), cobra.ShellCompDirectiveNoFileComp
	})
}
