package lint

import (
	"runtime"
	"testing"
	"weak"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
)

// TestFindingRetainsNothing: findings outlive the check of their target, and what that renders must not.
func TestFindingRetainsNothing(t *testing.T) {
	const rule = "auth/missing"
	l := &linter{config: &cue.Config{}, rules: &ruleSet{all: map[string]*policy.Rule{rule: {}}, levels: map[string]policy.Level{rule: finding.LevelError}}}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("spec: {}"), &node); err != nil {
		t.Fatal(err)
	}
	resource := &render.Resource{Node: node.Content[0]}
	at := &locatedResource{resource: resource, name: finding.Resource{Kind: "RedisFailover", Name: "shop"}}
	f, _ := at.locate(l, policy.NewViolation(rule, finding.Violation{Message: "no password", Path: []string{"spec"}}))
	if f == nil || f.Resource == nil || f.Resource.Name != "shop" {
		t.Fatalf("the finding is %+v", f)
	}
	located, rendered := weak.Make(at), weak.Make(resource)
	at, resource = nil, nil
	runtime.GC()
	if located.Value() != nil || rendered.Value() != nil {
		t.Error("the finding keeps the rendered resource")
	}
	runtime.KeepAlive(f)
}
