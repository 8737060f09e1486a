package export

import (
	"path"

	"github.com/redis-gitops/redis-gitops/policy"
)

var kyvernoFormat = format{
	name: "kyverno", title: "Kyverno", cel: true, export: exportKyverno,
	usage: "For Kyverno 1.17 or newer.\n\n```\nkubectl apply -f policies\nkyverno apply policies --resource manifest.yaml\n```\n\n" +
		validationActions,
}

// exportKyverno writes a ValidatingPolicy a rule. Kyverno has replaced its ClusterPolicies by these, which are in CEL.
func exportKyverno(x *exporter) ([]policy.Module, error) {
	admissions, err := x.admissions()
	if err != nil {
		return nil, err
	}
	var out []policy.Module
	for _, a := range admissions {
		a.spec["validationActions"] = []string{a.action}
		text, err := marshal(map[string]any{
			"apiVersion": "policies.kyverno.io/v1", "kind": "ValidatingPolicy",
			"metadata": map[string]any{"name": a.name, "annotations": map[string]any{
				"policies.kyverno.io/title": a.rule.Title, "policies.kyverno.io/category": "Redis", "policies.kyverno.io/description": a.rule.Description,
			}},
			"spec": a.spec,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, module(path.Join("policies", fileOf(a.rule)), text))
	}
	return out, nil
}
