package flags

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
)

// FromUse checks the number of arguments against the command's usage line, where those in brackets may be left out, and the last may be
// repeated if it ends with an ellipsis.
func FromUse(c *cobra.Command, args []string) error {
	words := strings.Fields(c.Use)[1:]
	usage := "usage: " + strings.TrimSuffix(c.UseLine(), " [flags]") + " [flags]"
	last := words[max(0, len(words)-1):]
	for len(last) > 0 && strings.HasSuffix(strings.TrimSuffix(last[0], "]"), "…") && len(args) > len(words) {
		words = append(words, last[0])
	}
	if len(args) > len(words) {
		return fmt.Errorf("unexpected argument %q; %s", args[len(words)], usage)
	}
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("%s is empty; %s", strings.Trim(words[i], "[]…"), usage)
		}
	}
	for _, w := range words[len(args):] {
		if !strings.HasPrefix(w, "[") {
			return fmt.Errorf("%s is missing; %s", strings.TrimSuffix(w, "…"), usage)
		}
	}
	return nil
}

// Subcommand refuses what is no command of a command that only has others below it.
func Subcommand(c *cobra.Command, args []string) error {
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

// Complete registers the values of a flag.
func Complete(c *cobra.Command, flag string, values []string) {
	Register(c, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// Register registers what completes the value of a flag.
func Register(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag does not exist: a mistake in this package
	}
}
