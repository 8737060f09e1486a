package cluster

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
)

// The Role of docs/rbac.md names every kind that is looked for. test/e2e runs the commands under it.
func TestRole(t *testing.T) {
	src, err := os.ReadFile("../docs/rbac.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(src), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	var role struct {
		Rules []struct{ APIGroups, Resources, Verbs []string }
	}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "apiGroups", "apigroups")), &role); err != nil || len(role.Rules) == 0 {
		t.Fatalf("docs/rbac.md has no Role: %v", err)
	}
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operators {
		for _, s := range o.Schemes() {
			if s.Is == "ignored" || s.Kind == cue.KindOfCharts {
				continue
			}
			kinds := map[string]string{s.Kind: s.APIVersions[0]}
			if s.With != nil {
				kinds[s.With.Kind] = s.With.APIVersions[0]
			}
			for kind, version := range kinds {
				group, _, _ := strings.Cut(version, "/")
				if !slices.ContainsFunc(role.Rules, func(r struct{ APIGroups, Resources, Verbs []string }) bool {
					return slices.Contains(r.APIGroups, group) && slices.Contains(r.Verbs, "list") && slices.ContainsFunc(r.Resources, func(plural string) bool {
						return plural == strings.ToLower(kind) || strings.TrimSuffix(plural, "ies")+"y" == strings.ToLower(kind) || strings.TrimSuffix(strings.TrimSuffix(plural, "s"), "e") == strings.TrimSuffix(strings.ToLower(kind), "e")
					})
				}) {
					t.Errorf("the Role of docs/rbac.md has no list of %s %s, of operator %s", group, kind, o.Name)
				}
			}
		}
	}
}
