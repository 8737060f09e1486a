package repo

import (
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// TestCharts: which charts a document of Argo CD or Flux installs, by which name, and with values that the files say as a whole.
func TestCharts(t *testing.T) {
	argo := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec: {destination: {namespace: apps}, "
	set := "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\nspec: {generators: "
	flux := "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: apps}\nspec: {"
	for _, tt := range []struct{ name, src, want string }{
		{"a chart of a repository", argo + "source: {repoURL: 'https://charts.example.com/x', chart: redis, targetRevision: 18.1.0}}", "redis 18.1.0 of https://charts.example.com/x: apps/shop"},
		{"a name for the release", argo + "source: {repoURL: registry.example.com/charts, chart: redis, helm: {releaseName: cache}}}", "redis  of registry.example.com/charts: apps/cache"},
		{"an OCI address", argo + "source: {repoURL: 'oci://registry.example.com/charts/redis', path: ., targetRevision: 18.x}}", "redis 18.x of registry.example.com/charts: apps/shop"},
		{"several sources", argo + "sources: [{repoURL: r, chart: redis, helm: {valueFiles: ['$v/values/redis.yaml']}}, {repoURL: g, ref: v}]}", "redis  of r: apps/shop values/redis.yaml"},
		{"a values file of another repository", argo + "sources: [{repoURL: r, chart: redis, helm: {valueFiles: ['$v/other.yaml']}}, {repoURL: g, ref: v}]}", ""},
		{"a values file of the chart", argo + "source: {repoURL: r, chart: redis, helm: {valueFiles: [values-production.yaml]}}}", ""},
		{"values that are not YAML", argo + "source: {repoURL: r, chart: redis, helm: {values: 'a: ['}}}", ""},
		{"a directory", argo + "source: {repoURL: r, path: applications/shop}}", ""},
		{"an ApplicationSet", set + "[{list: {elements: [{n: a}, {n: b}]}}], template: {metadata: {name: '{{n}}'}, spec: {destination: {namespace: '{{n}}'}, source: {repoURL: r, chart: redis}}}}",
			"redis  of r: a/a, redis  of r: b/b"},
		{"a set of clusters", set + "[{clusters: {}}], template: {metadata: {name: '{{name}}-redis'}, spec: {source: {repoURL: r, chart: redis}}}}", "redis  of r: /"},
		{"Flux", flux + "chart: {spec: {chart: redis, version: 1.x, sourceRef: {kind: HelmRepository, name: here}}}}", "redis 1.x of https://charts.example.com/here: apps/shop"},
		{"Flux, in another namespace", flux + "targetNamespace: other, chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: here}}}}", "redis  of https://charts.example.com/here: other/other-shop"},
		{"Flux, a source that is elsewhere", flux + "releaseName: r, chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: bitnami}}}}", "redis  of bitnami: apps/r"},
		{"Flux, OCI", flux + "chartRef: {kind: OCIRepository, name: oci}}", "redis 18.1.0 of registry.example.com/charts: apps/shop"},
		{"Flux, a chart of a Git repository", flux + "chart: {spec: {chart: charts/redis, sourceRef: {kind: GitRepository, name: git}}}}", ""},
		{"Flux, values of a Secret", flux + "valuesFrom: [{kind: Secret, name: s}], chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: here}}}}", ""},
		{"Flux, one value of a Secret", flux + "valuesFrom: [{kind: Secret, name: s, targetPath: auth.password}], chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: here}}}}",
			"redis  of https://charts.example.com/here: apps/shop"},
		{"another kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := afero.NewMemMapFs()
			for name, text := range map[string]string{
				"flux/sources.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: here, namespace: flux-system}\nspec: {url: 'https://charts.example.com/here'}\n---\n" +
					"apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: oci, namespace: apps}\nspec: {url: 'oci://registry.example.com/charts/redis', ref: {tag: 18.1.0}}\n",
				"values/redis.yaml": "a: 1\n", "x.yaml": tt.src + "\n",
			} {
				if err := afero.WriteFile(fs, name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Open(fs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			docs, err := r.Documents("x.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range r.Charts(docs[0]) {
				if c.At.File != "x.yaml" || c.At.Line < 1 {
					t.Errorf("it is named at %v", c.At)
				}
				got = append(got, strings.TrimSpace(c.Chart+" "+c.Version+" of "+c.Repository+": "+c.Namespace+"/"+c.ReleaseName+" "+strings.Join(c.ValueFiles, " ")))
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("%q, not %q", text, tt.want)
			}
		})
	}
}

// TestRootOfArtifact: a chart in an OCI registry has the path ".", which is not the root of the repository, so that other Applications are not below
// one that deploys without its subfolders.
func TestRootOfArtifact(t *testing.T) {
	application := func(name, source string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + "}\nspec:\n  source: {" + source + ", targetRevision: 1.0.0}\n"
	}
	fs := afero.NewMemMapFs()
	for name, src := range map[string]string{
		"argocd/feed.yaml": application("feed", "repoURL: oci://ghcr.io/cloudpirates-io/helm-charts/redis, path: ."),
		"argocd/shop.yaml": application("shop", "repoURL: https://charts.bitnami.com/bitnami, chart: redis"),
	} {
		if err := afero.WriteFile(fs, name, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.ReleaseFiles(func(chart, _ string) bool { return chart == "redis" })
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	deployments, err := r.DeploymentsOf(".")
	if err != nil || len(deployments) > 0 {
		t.Errorf("%v, %v", deployments, err)
	}
}
