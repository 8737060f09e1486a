package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// TestValuesOfDeployments: values that a deployment takes from elsewhere count, at the place where they are written.
func TestValuesOfDeployments(t *testing.T) {
	t.Parallel()
	chart := map[string]string{
		"c/Chart.yaml": chartYAML, "c/values.yaml": "grace: 90\n",
		"c/templates/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "terminationGracePeriod: 90", "terminationGracePeriod: {{ .Values.grace }}", 1)),
	}
	release := "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: shop}\nspec:\n  interval: 1h\n  chart: {spec: {chart: ./c, sourceRef: {kind: GitRepository, name: x}}}\n"
	configMap := "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: v, namespace: shop}\ndata:\n"
	kustomization := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop, namespace: flux-system}\nspec: {interval: 1h, prune: false, path: ./apps, sourceRef: {kind: GitRepository, name: x}, postBuild: {substitute: {%s}}}\n"
	application := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec:\n  destination: {namespace: shop}\n  sources:\n    - {repoURL: 'https://git.example.com/a.git', ref: v}\n    - repoURL: https://git.example.com/%s.git\n      path: c\n      helm:\n        %s\n"
	const short, long = "is 5 seconds", ""
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // part of the only finding; "" is none
		at    string // its place
	}{
		{"a ConfigMap", map[string]string{"apps/r.yaml": release + "  valuesFrom: [{kind: ConfigMap, name: v}]\n" + configMap + "  values.yaml: |\n    grace: 5\n"}, short, "apps/r.yaml:14:12"},
		{"values are stronger", map[string]string{"apps/r.yaml": release + "  valuesFrom: [{kind: ConfigMap, name: v}]\n  values: {grace: 90}\n" + configMap + "  values.yaml: |\n    grace: 5\n"}, long, ""},
		{"the last ConfigMap", map[string]string{"apps/r.yaml": release + "  valuesFrom: [{kind: ConfigMap, name: v, valuesKey: a}, {kind: ConfigMap, name: v, valuesKey: b}]\n" + configMap + "  a: 'grace: 5'\n  b: 'grace: 90'\n"}, long, ""},
		{"a target path", map[string]string{"apps/r.yaml": release + "  valuesFrom: [{kind: ConfigMap, name: v, valuesKey: a, targetPath: grace}]\n" + configMap + "  a: \"5\"\n"}, short, "apps/r.yaml:13:6"},
		{"a Secret is unknown", map[string]string{"apps/r.yaml": release + "  valuesFrom: [{kind: Secret, name: v}]\n"}, long, ""},
		{"a variable of Flux", map[string]string{"apps/r.yaml": release + "  values:\n    grace: ${G}\n", "clusters/k.yaml": fmt.Sprintf(kustomization, `G: "5"`)}, short, "apps/r.yaml:8:12"},
		{"with a default", map[string]string{"apps/r.yaml": release + "  values:\n    grace: ${H:=5}\n", "clusters/k.yaml": fmt.Sprintf(kustomization, `G: "90"`)}, short, "apps/r.yaml:8:12"},
		{"that a Secret may set", map[string]string{"apps/r.yaml": release + "  values:\n    grace: ${H}\n", "clusters/k.yaml": strings.Replace(fmt.Sprintf(kustomization, `G: "5"`), "postBuild: {", "postBuild: {substituteFrom: [{kind: Secret, name: s}], ", 1)}, "", ""},
		{"that nobody sets", map[string]string{"apps/r.yaml": release + "  values:\n    grace: ${H}\n", "clusters/k.yaml": fmt.Sprintf(kustomization, `G: "5"`)}, "is 30 seconds", "c/templates/redis.yaml:16:5"}, // Flux writes nothing
		{"a file parameter", map[string]string{"apps/a.yaml": fmt.Sprintf(application, "a", "fileParameters: [{name: grace, path: grace.txt}]"), "c/grace.txt": "5"}, short, "apps/a.yaml:11:46"},
		{"that is missing", map[string]string{"apps/a.yaml": fmt.Sprintf(application, "a", "fileParameters: [{name: grace, path: grace.txt}]")}, `file parameter "grace": c/grace.txt cannot be read`, "apps/a.yaml:11:46"},
		{"a values file of the same repository that is missing", map[string]string{"apps/a.yaml": fmt.Sprintf(application, "a", "valueFiles: [$v/env/a.yaml]")}, `"env/a.yaml" does not exist`, "apps/a.yaml:11:22"},
		{"and of another one", map[string]string{"apps/a.yaml": fmt.Sprintf(application, "b", "valueFiles: [$v/env/a.yaml]")}, "", ""},
		{"one that is missing beside the chart", map[string]string{"apps/a.yaml": fmt.Sprintf(application, "a", "valueFiles: [values.yaml, a.yaml]")}, `"c/a.yaml" does not exist`, "apps/a.yaml:11:35"},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := []txtar.File{}
			for _, files := range []map[string]string{chart, c.files} {
				for name, text := range files {
					archive = append(archive, txtar.File{Name: name, Data: []byte(text)})
				}
			}
			r, config := open(t, archive)
			found := run(t, r, lint.Options{Config: config, Only: []string{"ha/grace-shorter-than-shutdown", "val/render-fails", "op/invalid-value"}}).Findings
			switch {
			case c.want == "" && len(found) > 0, c.want != "" && len(found) != 1:
				t.Errorf("got\n%s", print(t, r, "compact", found))
			case c.want != "" && (!strings.Contains(found[0].Message, c.want) || found[0].Position.String() != c.at):
				t.Errorf("got %s: %s", found[0].Position, found[0].Message)
			}
		})
	}
}
