//go:build !compiled

package lint_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// minCover is the share of a rule's lines that its examples have to evaluate, and minCoverAll that of all lines of Rego.
const (
	minCover    = 0.94
	minCoverAll = 0.99
)

// TestCover: the examples evaluate nearly all that the rules say; what nothing evaluates may be wrong unseen.
func TestCover(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	tracer, modules := cover.New(), map[string]*ast.Module{}
	c := lint.Compiled{Engine: opa.Engine{Cover: &opa.Cover{Tracer: tracer, Modules: modules}}}
	for _, rule := range rules {
		policy.Examples(rule)
		for _, text := range append([]string{rule.Bad, rule.Good}, slices.Collect(maps.Values(policy.Cases(rule)))...) {
			r, config := open(t, repository(txtar.Parse([]byte(text))))
			// Strict mode evaluates everything that the default does.
			if _, err := lint.Run(context.Background(), r, lint.Options{Config: config, Strict: true, Jobs: 1, Today: today, Compiled: &c}); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := tracer.Report(modules).Files
	covered, all := 0, 0
	for _, file := range slices.Sorted(maps.Keys(files)) {
		hit := lines(files[file].Covered)
		missed := slices.DeleteFunc(lines(files[file].NotCovered), func(line int) bool { return slices.Contains(hit, line) })
		n := len(hit) + len(missed)
		if file == "main.rego" || n == 0 {
			continue
		}
		covered, all = covered+len(hit), all+n
		if strings.HasSuffix(file, "/rule.rego") && float64(len(hit)) < minCover*float64(n) {
			t.Errorf("%s: its examples evaluate %d of %d lines; add one for lines %v", file, len(hit), n, missed)
		}
	}
	t.Logf("%d of %d lines of Rego are evaluated", covered, all)
	if float64(covered) < minCoverAll*float64(all) {
		t.Errorf("%d of %d lines of Rego are evaluated, less than %v", covered, all, minCoverAll)
	}
}

// lines returns the numbers of the lines of ranges, sorted.
func lines(ranges []cover.Range) []int {
	var out []int
	for _, r := range ranges {
		for line := r.Start.Row; line <= r.End.Row; line++ {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
