package policy

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

var packagePattern = lazyregexp.New(`(?m)^package[ \t]+([^\s#]+)`)

// UserRules reads the METADATA of a user's modules. A module whose package is redisgitops.lib.NAME holds helpers; every other
// one is a rule. The error is finding.Problems with all that is wrong.
func UserRules(modules []Module) ([]*Rule, error) {
	var rules []*Rule
	var problems finding.Problems
	for _, m := range modules {
		found := packagePattern.FindStringSubmatchIndex(m.Source)
		if found == nil {
			problems = append(problems, finding.Errorf(finding.Position{File: m.File, Line: 1}, "", "has no package; add `package %s.CATEGORY[\"RULE\"]`", Package))
			continue
		}
		name := strings.NewReplacer(`["`, ".", `"]`, "").Replace(m.Source[found[2]:found[3]])
		parts := strings.Split(name, ".")
		at := finding.Position{File: m.File, Line: 1 + strings.Count(m.Source[:found[0]], "\n")}
		if len(parts) != 3 || parts[0] != Package || parts[1] == "main" {
			problems = append(problems, finding.Errorf(at, "", "package %s is not a rule's; write `package %s.CATEGORY[\"RULE\"]`, or %s.lib.NAME for helpers", name, Package, Package))
			continue
		}
		if parts[1] == "lib" {
			continue
		}
		rule, err := parseRule(m.File, m.Source, parts[1]+"/"+parts[2])
		if err != nil {
			problems = append(problems, finding.All(err)...)
			continue
		}
		if rule.Scope == ScopeNative {
			problems = append(problems, finding.Errorf(at, "custom.scope", "%q is for rules of the tool itself; write %q or %q", ScopeNative, ScopeResource, ScopeRepository))
			continue
		}
		rule.User = true
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	return rules, problems.Err()
}
