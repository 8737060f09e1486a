package diff_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// TestRulesOfFacts: each rule that a fact names is one about changes, and each rule about changes is planted.
func TestRulesOfFacts(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	facts, err := cue.KnownChanges()
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Clone(facts.General)
	for _, o := range facts.Operators {
		all = append(all, o.Changes...)
	}
	for _, r := range all {
		if r.Rule == "" {
			continue
		}
		if i := slices.IndexFunc(rules, func(rule *policy.Rule) bool { return rule.Name == r.Rule }); i < 0 || !rules[i].Compares {
			t.Errorf("a fact about %v %s names rule %s, which is none about changes", r.Kinds, r.Path, r.Rule)
		}
	}
	planted := diff.PlantedRules()
	for _, r := range rules {
		if r.Compares && r.Name != "op/operator-changed" && !slices.Contains(planted, r.Name) { // TestOperators plants that
			t.Errorf("no change of rule %s is planted", r.Name)
		}
	}
}

// TestLintAgrees: lint with a base reports, for each planted change, the rule and resource of diff, and nothing for the others.
func TestLintAgrees(t *testing.T) {
	var compiled lint.Compiled
	reported := 0
	for _, p := range diff.Planted(t) {
		config, err := cue.LoadConfig(cue.ConfigFile, []byte("operator: {name: "+p.Operator+", version: "+p.Version+"}\n"))
		if err != nil { // a workload has none
			if config, err = cue.LoadConfig(cue.ConfigFile, nil); err != nil {
				t.Fatal(err)
			}
		}
		const file = "applications/shop/all.yaml"
		old, new := diff.InMemory(t, map[string]string{file: p.Old}), diff.InMemory(t, map[string]string{file: p.New})
		base := &lint.Base{Repo: old.Repo, Changed: []string{file}, Compare: func(ctx context.Context) ([]*finding.Finding, []*finding.Problem, error) {
			found, _, err := diff.Findings(ctx, old, new, []string{file}, config)
			return found, nil, err
		}}
		res, err := lint.Run(t.Context(), new.Repo, lint.Options{Config: config, Base: base, Compiled: &compiled, Only: compares(t)})
		if err != nil || len(res.Failures) > 0 {
			t.Fatal(err, res.Failures)
		}
		var got []string
		for _, f := range res.Findings {
			got = append(got, f.Rule+" "+f.Resource.String())
			if f.File != file || f.Line == 0 || f.Line > strings.Count(p.New, "\n") || f.Severity == 0 && f.Rule == "" {
				t.Errorf("%s: %s: %+v", p.Edit, f.Position, f)
			}
		}
		if !slices.Equal(got, p.Rules) {
			t.Errorf("%s: lint reports %q, diff %q", p.Edit, got, p.Rules)
		}
		reported += len(got)
	}
	if reported < 20 {
		t.Errorf("only %d changes are reported", reported)
	}
}

func compares(t *testing.T) []string {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rules {
		if r.Compares {
			names = append(names, r.Name)
		}
	}
	return names
}
