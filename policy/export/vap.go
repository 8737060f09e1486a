package export

import (
	"path"

	"github.com/redis-gitops/redis-gitops/policy"
)

var vapFormat = format{
	name: "vap", title: "ValidatingAdmissionPolicy", cel: true, export: exportVAP,
	usage: "For Kubernetes 1.30 or newer, without any other engine.\n\n```\nkubectl apply -f policies\nkubectl apply -f bindings\n```\n\n" +
		validationActions,
}

// exportVAP writes a ValidatingAdmissionPolicy a rule, and the binding that puts it in force.
func exportVAP(x *exporter) ([]policy.Module, error) {
	admissions, err := x.admissions()
	if err != nil {
		return nil, err
	}
	var out []policy.Module
	for _, a := range admissions {
		for _, object := range []struct {
			dir  string
			data map[string]any
		}{
			{"policies", map[string]any{
				"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
				"metadata": map[string]any{"name": a.name}, "spec": a.spec,
			}},
			{"bindings", map[string]any{
				"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
				"metadata": map[string]any{"name": a.name}, "spec": map[string]any{"policyName": a.name, "validationActions": []string{a.action}},
			}},
		} {
			text, err := marshal(object.data)
			if err != nil {
				return nil, err
			}
			out = append(out, module(path.Join(object.dir, fileOf(a.rule)), text))
		}
	}
	return out, nil
}
