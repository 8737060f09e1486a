package export

import (
	"path"
	"strings"

	"github.com/redis-gitops/redis-gitops/policy"
)

var vapFormat = format{
	name: "vap", title: "ValidatingAdmissionPolicy", cel: true, export: exportVAP,
	usage: "For Kubernetes 1.30 or newer, without any other engine.\n\n```\nkubectl apply -f policies\nkubectl apply -f bindings\n```\n\n" +
		"Errors are denied, warnings reported to the client, advice only audited (`validationActions`).\n",
}

// exportVAP writes a ValidatingAdmissionPolicy a rule, and the binding that puts it in force.
func exportVAP(x *exporter) ([]policy.Module, error) {
	admissions, err := x.admissions()
	if err != nil {
		return nil, err
	}
	var out []policy.Module
	for _, a := range admissions {
		a.spec["failurePolicy"] = "Ignore" // what cannot be evaluated is none of a rule's findings
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
			out = append(out, module(path.Join(object.dir, strings.ReplaceAll(a.rule.Name, "/", "-")+".yaml"), text))
		}
	}
	return out, nil
}
