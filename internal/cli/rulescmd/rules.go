// Package rulescmd has the commands about the rules of lint.
package rulescmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/policy"
)

const rulesHelp = `List lint rules, or show the rationale and examples of a rule.

Examples:
  redis-gitops rules
  redis-gitops rules show auth/missing
  redis-gitops rules list --output json`

// options are those of rules.
type options struct {
	*env.Env
	output string
}

// New returns the command.
func New(e *env.Env) *cobra.Command {
	o := &options{Env: e}
	list := func(*cobra.Command, []string) error { return o.list() }
	c := &cobra.Command{Use: "rules", Short: "List lint rules, or show one", Long: rulesHelp, Args: flags.Subcommand, RunE: list}
	flags.AddOutputTo(c, c.PersistentFlags(), &o.output, "text", "json")
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the rules with their severities", Long: "List the rules with their severities, by default and in strict mode.\n\nExamples:\n  redis-gitops rules list\n  redis-gitops rules list --output json", Args: flags.FromUse, RunE: list},
		&cobra.Command{
			Use: "show RULE", Short: "Show the rationale and examples of a rule", Long: "Show a rule: its rationale, references, and a bad and a good example.\n\nExamples:\n  redis-gitops rules show auth/missing", Args: flags.FromUse,
			RunE: func(_ *cobra.Command, args []string) error { return o.show(args[0]) },
			ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				rules, _ := policy.Rules()
				var names []string
				for _, r := range rules {
					names = append(names, r.Name)
				}
				return names, cobra.ShellCompDirectiveNoFileComp
			},
		})
	return c
}

// ruleJSON is a rule for programs.
type ruleJSON struct {
	finding.RuleInfo
	Scope   string `json:"scope"`
	General bool   `json:"general"`
	// Compares is whether it needs a base.
	Compares bool   `json:"compares"`
	Help     string `json:"help"`
}

func asJSON(r *policy.Rule) ruleJSON {
	return ruleJSON{r.RuleInfo, r.Scope, r.General, r.Compares, r.HelpPage()}
}

func (o *options) list() error {
	rules, err := policy.Rules()
	if err != nil {
		return err
	}
	if o.output == "json" {
		all := make([]ruleJSON, len(rules))
		for i, r := range rules {
			all[i] = asJSON(r)
		}
		return o.JSON(all)
	}
	w := o.Table(0)
	w.Row("RULE\tSEVERITY\tSTRICT\tFIX\tTITLE")
	for _, r := range rules {
		fix := ""
		if r.Fix != "" {
			fix = "yes"
		}
		w.Row("%s\t%s\t%s\t%s\t%s", r.Name, r.Severity, r.Strict, fix, r.Title)
	}
	return w.Flush()
}

func (o *options) show(name string) error {
	rules, err := policy.Rules()
	if err != nil {
		return err
	}
	r, err := policy.Find(rules, name)
	if err != nil {
		return err
	}
	policy.Examples(r)
	if o.output == "json" {
		return o.JSON(asJSON(r))
	}
	o.Infof("%s: %s\n", o.Paint(ui.Cyan, r.Name), r.Title)
	o.Infof("severity %s, in strict mode %s; since %s", r.Severity, r.Strict, r.Since)
	if r.Fix != "" {
		o.Infof("lint --fix: %s", r.Fix)
	}
	if r.Compares {
		o.Infof("Checks a change: reported by lint --new-from-rev REV and by diff, not without a base. Files below base/ are those before it.")
	}
	o.Infof("\n%s", ui.Trusted(r.Description))
	if r.Remediation != "" {
		o.Infof("\n%s", ui.Trusted(r.Remediation))
	}
	if len(r.References) > 0 {
		o.Infof("\nReferences:\n- %s", ui.Trusted(strings.Join(r.References, "\n- ")))
	}
	for _, e := range []struct{ title, text string }{{"Wrong", r.Bad}, {"Right", r.Good}} {
		if e.text != "" {
			o.Infof("\n%s:\n\n    %s", e.title, ui.Trusted(strings.TrimSpace(strings.ReplaceAll(e.text, "\n", "\n    "))))
		}
	}
	return nil
}
