package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/lint"
)

// withField returns a RedisFailover that has one field more, with a value of its kind.
func withField(field string) string {
	steps := strings.Split(field, ".")
	value := map[string]string{
		"engine": "Valkey", "haproxy": "{replicas: 2}", "networkPolicyNsList": "[{matchLabelKey: a, matchLabelValue: b}]", "port": "26830",
	}[steps[len(steps)-1]]
	if value == "" {
		value = "true"
	}
	inside := map[string]string{
		"spec.redis":         "replicas: 3, image: redis:7.4.11-alpine",
		"spec.sentinel":      "replicas: 3, image: redis:7.4.11-alpine",
		"spec.bootstrapNode": "host: other, port: \"6379\"",
	}
	top := ""
	parent := strings.Join(steps[:len(steps)-1], ".")
	if parent == "spec" {
		top = "  " + steps[1] + ": " + value + "\n"
	} else {
		inside[parent] += ", " + steps[len(steps)-1] + ": " + value
	}
	if parent != "spec.bootstrapNode" {
		delete(inside, "spec.bootstrapNode")
	}
	out := "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop, namespace: shop}\nspec:\n" + top
	for _, key := range []string{"spec.bootstrapNode", "spec.redis", "spec.sentinel"} {
		if inside[key] != "" {
			out += "  " + strings.TrimPrefix(key, "spec.") + ": {" + inside[key] + "}\n"
		}
	}
	return out
}

func deploymentOf(image string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: redis-operator, namespace: ops}\nspec:\n  template:\n    spec:\n      containers: [{name: o, image: \"" + image + "\"}]\n"
}

func byRule(findings []*finding.Finding, rules ...string) (found []string) {
	for _, f := range findings {
		if slices.Contains(rules, f.Rule) {
			found = append(found, fmt.Sprintf("%s %s", f.Rule, f.Message))
		}
	}
	return found
}

// The field of a fork is right where that fork is installed, and wrong where another operator is: op/dialect-mismatch says so, once,
// and names the operator that is there. It holds for every operator and field of cue/operator.
func TestDialects(t *testing.T) {
	t.Parallel()
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, o := range operators {
		by := o.Recognise()
		for field := range by.Dialect {
			image := by.Images[len(by.Images)-1]
			for name, install := range map[string]string{
				"its image": deploymentOf(image + ":v9.9.9"), "a mirror": deploymentOf("registry.example.com/mirror/" + strings.ReplaceAll(image[strings.Index(image, "/")+1:], "/", "-") + ":v9.9.9"),
				"a mirror that hides whose it is": deploymentOf("registry.example.com/redis-operator:v9.9.9"),
			} {
				r, c := open(t, []txtar.File{{Name: "apps/redis.yaml", Data: []byte(withField(field))}, {Name: "platform/operator.yaml", Data: []byte(install)}})
				res := run(t, r, lint.Options{Config: c})
				found := byRule(res.Findings, "op/dialect-mismatch", "op/unknown-field", "op/operator-differs")
				found = slices.DeleteFunc(found, func(text string) bool { return strings.Contains(text, "true is not a mapping") }) // it is known
				if len(found) > 0 {
					t.Errorf("%s with %s of %s: %q", field, name, o.Name, found)
				}
				tried++
			}
			r, c := open(t, []txtar.File{{Name: "apps/redis.yaml", Data: []byte(withField(field))}, {Name: "platform/operator.yaml", Data: []byte(deploymentOf("quay.io/spotahome/redis-operator:v1.2.4"))}})
			found := byRule(run(t, r, lint.Options{Config: c}).Findings, "op/dialect-mismatch", "op/unknown-field")
			if len(found) != 1 || !strings.Contains(found[0], "unknown to spotahome") {
				t.Errorf("%s with Spotahome's operator: %q", field, found)
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d", tried)
	}
}

// What is said of the label of freshworks-oss and of fields never contradicts each other, however the operator is installed, and url
// gives the Services of the same operator.
func TestOneOperator(t *testing.T) {
	t.Parallel()
	argo := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: redis-operator, namespace: argocd}\nspec: {destination: {namespace: ops}, source: {chart: %s, repoURL: %s, targetRevision: %s}}\n"
	flux := "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: operators, namespace: ops}\nspec: {url: %q}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x, namespace: ops}\nspec: {chart: {spec: {chart: %s, version: %s, sourceRef: {kind: HelmRepository, name: operators}}}}\n"
	for _, tt := range []struct {
		name, install, config string
		operator              string
		label, mismatch       bool // findings about spec.engine
		differs               bool
	}{
		{"freshworks-oss by Argo CD", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.4"), "", "freshworks", true, false, false},
		{"freshworks-oss by Flux", fmt.Sprintf(flux, "oci://ghcr.io/freshworks-oss/charts", "redis-operator", "3.3.4"), "", "freshworks", true, false, false},
		{"freshworks-oss before the label", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.2"), "", "freshworks", false, false, false},
		{"freshworks-oss, and another one in the configuration", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.4"), "operator: {name: spotahome}", "spotahome", true, false, true},
		{"freshworks-oss in both", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.4"), "operator: {name: freshworks}", "freshworks", true, false, false},
		{"freshworks-oss, and only the namespace in the configuration", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.4"), "operator: {namespace: ops}", "freshworks", true, false, false},
		{"Spotahome and freshworks-oss", fmt.Sprintf(argo, "redis-operator", "ghcr.io/freshworks-oss/charts", "3.3.4") + "---\n" + deploymentOf("quay.io/spotahome/redis-operator:v1.2.4"), "", "freshworks", false, false, false},
		{"powerhome", deploymentOf("quay.io/powerhome/redis-operator:v4.3.0"), "", "powerhome", false, true, false},
		{"buildio", fmt.Sprintf(flux, "https://buildio.github.io/redis-operator", "redis-operator", "4.0.0"), "", "saremox", false, true, false},
		{"OpsTree beside nothing", fmt.Sprintf(flux, "https://ot-container-kit.github.io/helm-charts/", "redis-operator", "0.26.1"), "", "freshworks", false, true, false},
		{"nothing", "", "", "freshworks", false, true, false}, // by the shape of the resource, as nothing else says it
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := []txtar.File{{Name: "apps/redis.yaml", Data: []byte(withField("spec.engine"))}}
			if tt.install != "" {
				files = append(files, txtar.File{Name: "platform/operator.yaml", Data: []byte(tt.install)})
			}
			if tt.config != "" {
				files = append(files, txtar.File{Name: cue.ConfigFile, Data: []byte(tt.config)})
			}
			r, c := open(t, files)
			res := run(t, r, lint.Options{Config: c})
			for rule, want := range map[string]bool{"op/group-label-missing": tt.label, "op/dialect-mismatch": tt.mismatch, "op/operator-differs": tt.differs} {
				if found := byRule(res.Findings, rule); len(found) > 0 != want {
					t.Errorf("%s: %q, want %v", rule, found, want)
				}
			}
			found, err := instance.Open(t.Context(), r, c)
			if err != nil {
				t.Fatal(err)
			}
			all, err := found.Named(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			if all[0].Operator != tt.operator {
				t.Errorf("url is about the operator %s, want %s", all[0].Operator, tt.operator)
			}
		})
	}
}

// The repositories in which the faults were found, beside the project.
func TestInstalledFaults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"A1", "A2", "A3", "A5", "A6"} {
		t.Run(name, func(t *testing.T) {
			files := shared(t, "../../shared/faults/lint/"+name)
			for _, config := range []bool{true, false} {
				if !config {
					files = slices.DeleteFunc(files, func(f txtar.File) bool { return f.Name == cue.ConfigFile })
				}
				r, c := open(t, files)
				if found := byRule(run(t, r, lint.Options{Config: c}).Findings, "op/dialect-mismatch", "op/unknown-field", "op/operator-differs"); len(found) > 0 {
					t.Errorf("%q", found)
				}
			}
		})
	}
}

// TestReplacedImage: the image of an operator that a kustomization puts in the place of any name says which operator runs.
func TestReplacedImage(t *testing.T) {
	t.Parallel()
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: redis-operator, namespace: ops}\nspec:\n  selector: {matchLabels: {name: o}}\n  template:\n    metadata: {labels: {name: o}}\n    spec: {containers: [{name: o, image: controller}]}\n"
	const image = "name: controller, newName: quay.io/powerhome/redis-operator, newTag: v4.3.0"
	flux := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: op, namespace: flux-system}\nspec: {interval: 1h, prune: false, path: ./op, sourceRef: {kind: GitRepository, name: x}, %s}\n"
	for name, files := range map[string]map[string]string{
		"images":               {"op/kustomization.yaml": "resources: [d.yaml]\nimages: [{" + image + "}]\n"},
		"tag in the name":      {"op/kustomization.yaml": "resources: [d.yaml]\nimages: [{name: controller, newName: 'quay.io/powerhome/redis-operator:v4.3.0'}]\n"},
		"a digest":             {"op/kustomization.yaml": "resources: [d.yaml]\nimages: [{name: controller, newName: registry.example.com/mirror/powerhome-redis-operator, digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000000'}]\n"},
		"operations":           {"op/kustomization.yaml": "resources: [d.yaml]\npatches: [{patch: \"- {op: replace, path: /spec/template/spec/containers/0/image, value: 'quay.io/powerhome/redis-operator:v4.3.0'}\", target: {kind: Deployment}}]\n"},
		"a strategic merge":    {"op/kustomization.yaml": "resources: [d.yaml]\npatches:\n  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: redis-operator, namespace: ops}\n      spec: {template: {spec: {containers: [{name: o, image: 'quay.io/powerhome/redis-operator:v4.3.0'}]}}}\n"},
		"images of Flux":       {"op/kustomization.yaml": "resources: [d.yaml]\n", "clusters/k.yaml": fmt.Sprintf(flux, "images: [{"+image+"}]")},
		"patches of Flux":      {"op/kustomization.yaml": "resources: [d.yaml]\n", "clusters/k.yaml": fmt.Sprintf(flux, `patches: [{patch: "- {op: replace, path: /spec/template/spec/containers/0/image, value: 'quay.io/powerhome/redis-operator:v4.3.0'}"}]`)},
		"images of an Argo CD": {"op/kustomization.yaml": "resources: [d.yaml]\n", "clusters/k.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: op, namespace: argocd}\nspec: {source: {path: op, kustomize: {images: ['controller=quay.io/powerhome/redis-operator:v4.3.0']}}, destination: {namespace: ops}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			archive := []txtar.File{{Name: "op/d.yaml", Data: []byte(deployment)}, {Name: "redis.yaml", Data: []byte(strings.Replace(redisWith("", "  networkPolicyNsList: [{matchLabelKey: a, matchLabelValue: b}]\n", fullMemory), "    image: redis:7.4.11-alpine\n", "    image: redis:7.4.11-alpine\n    port: 26830\n", 1))}}
			for file, text := range files {
				archive = append(archive, txtar.File{Name: file, Data: []byte(text)})
			}
			r, c := open(t, archive)
			if found := byRule(run(t, r, lint.Options{Config: c}).Findings, "op/dialect-mismatch", "op/unknown-field", "op/operator-differs"); len(found) > 0 {
				t.Errorf("%q", found)
			}
		})
	}
	// The same without the image is not valid for the operator that is assumed.
	r, c := open(t, []txtar.File{{Name: "redis.yaml", Data: []byte(redisWith("", "  networkPolicyNsList: [{matchLabelKey: a, matchLabelValue: b}]\n", fullMemory))}})
	if found := byRule(run(t, r, lint.Options{Config: c}).Findings, "op/dialect-mismatch", "op/unknown-field"); len(found) == 0 {
		t.Error("the field is known anyway")
	}
}

// shared reads a directory beside the project.
func shared(t *testing.T, dir string) []txtar.File {
	t.Helper()
	var files []txtar.File
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		files = append(files, txtar.File{Name: filepath.ToSlash(rel), Data: src})
		return err
	})
	if err != nil {
		t.Skipf("there is no %s beside the project", dir)
	}
	return files
}
