package main

import (
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/export"
)

// enginesPage says which rule is in which export.
func enginesPage() (string, error) {
	rules, err := policy.Rules()
	if err != nil {
		return "", err
	}
	operators, err := cue.Operators()
	if err != nil {
		return "", err
	}
	inCharge := cue.DefaultOperator()
	kinds, err := export.Kinds(operators, inCharge, "")
	if err != nil {
		return "", err
	}
	translations, err := export.Translate(export.Options{Rules: rules, Kinds: kinds, Strict: true, Settings: map[string]any{
		"strict": true, "options": map[string]any{}, "foreignFields": map[string]any{}, "operator": map[string]any{"name": inCharge, "version": "", "namespace": "", "title": inCharge},
	}})
	if err != nil {
		return "", err
	}
	in := 0
	for _, t := range translations {
		if len(t.Conditions) > 0 {
			in++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "the rules and policy/export")
	fmt.Fprintf(&b, "# Rules by engine\n\n`redis-gitops policy export` writes rules for other [policy engines](policies.md#export-to-other-policy-engines). Of %d rules, %d are about\n"+
		"single resources: conftest, OPA and Gatekeeper evaluate all of them. %d have a form in CEL, for ValidatingAdmissionPolicy (`vap`) and\nKyverno, "+
		"for the kinds listed. The last column says why a rule, or a kind, has none: the rule…\n\n", len(rules), len(translations), in)
	b.WriteString("| rule | conftest, OPA, Gatekeeper | vap, Kyverno | not in CEL |\n|---|---|---|---|\n")
	for _, t := range translations {
		fmt.Fprintf(&b, "| [%s](rules/%s.md) | ✓ | %s | %s |\n", t.Rule.Name, t.Rule.Name, strings.Join(t.Names(), ", "), t.Reason())
	}
	for _, other := range []struct{ scope, title, why string }{
		{policy.ScopeRepository, "About the repository", "These compare resources with each other, or with the files that they come from. Only lint has both."},
		{policy.ScopeNative, "Found by lint itself", "These are about files before anything is rendered, or about the structure of resources, which the API server checks."},
	} {
		var names []string
		for _, r := range rules {
			if r.Scope == other.scope {
				names = append(names, fmt.Sprintf("[%s](rules/%s.md)", r.Name, r.Name))
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s\n", other.title, other.why, strings.Join(names, ",\n"))
	}
	return b.String(), nil
}
