package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

const releasesOf = `
-- platform/argo.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, labels: {purpose: cache}}
spec:
  destination: {namespace: apps}
  source:
    repoURL: https://charts.bitnami.com/bitnami
    chart: redis
    targetRevision: 18.1.0
    helm:
      values: |
        replica:
          size: 3
      parameters: [{name: sentinel.enabled, value: "true"}]
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: other}
spec:
  source: {repoURL: https://charts.bitnami.com/bitnami, chart: nginx}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: filed}
spec:
  destination: {namespace: apps}
  sources:
    - {repoURL: https://charts.bitnami.com/bitnami, chart: redis, helm: {valueFiles: [$here/values/redis.yaml], valuesObject: {b: 2}}}
    - {repoURL: https://git.example.com/r, ref: here}
-- values/redis.yaml --
fullnameOverride: named
a: 1
b: 1
-- chart/Chart.yaml --
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - {name: redis, version: 18.x, repository: https://charts.bitnami.com/bitnami, alias: cache}
  - {name: redis, version: 18.x, repository: https://charts.bitnami.com/bitnami, condition: redis.enabled}
  - {name: common, version: 2.x, repository: https://charts.bitnami.com/bitnami}
-- chart/values.yaml --
cache:
  auth: {enabled: false}
redis:
  enabled: false
-- chart/templates/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
-- templated/Chart.yaml --
name: templated
version: 1.0.0
-- templated/values.yaml --
memory: 1Gi
-- templated/templates/app.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: made}
spec:
  destination: {namespace: {{ .Release.Namespace }}}
  source:
    repoURL: https://charts.bitnami.com/bitnami
    chart: redis
    helm:
      valuesObject:
        memory: {{ .Values.memory }}
-- kustomized/kustomization.yaml --
namespace: apps
helmCharts:
  - name: redis
    repo: https://charts.bitnami.com/bitnami
    releaseName: inflated
    valuesInline: {size: 1}
resources: [x.yaml]
-- kustomized/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
`

// TestAddReleases: what a release is called, and where each of its values is written.
func TestAddReleases(t *testing.T) {
	r := open(t, releasesOf)
	known := func(name, repository string) string {
		if name == "redis" && strings.Contains(repository, "bitnami") {
			return "bitnami/redis"
		}
		return ""
	}
	deployment := &repo.Deployment{Namespace: "apps", ReleaseName: "templated"}
	for _, tt := range []struct {
		target Target
		want   []string
	}{
		{Target{Dir: "platform", Kind: repo.Plain}, []string{
			"apps/shop-redis of shop 18.1.0 {purpose: cache} at platform/argo.yaml:8: replica.size=3 at platform/argo.yaml:13, sentinel.enabled=true at platform/argo.yaml:14",
			"apps/named of filed  {} at platform/argo.yaml:28: fullnameOverride=named at values/redis.yaml:1, a=1 at values/redis.yaml:2, b=2 at platform/argo.yaml:28",
		}},
		{Target{Dir: "chart", Kind: repo.Chart}, []string{"/parent-cache of parent 18.x {} at chart/Chart.yaml:5: auth.enabled=false at chart/values.yaml:2"}},
		{Target{Dir: "templated", Kind: repo.Chart, Deployment: deployment}, []string{"apps/made-redis of made  {} at templated/templates/app.yaml:8: memory=1Gi at templated/templates/app.yaml:11"}},
		{Target{Dir: "kustomized", Kind: repo.Kustomize}, []string{"apps/inflated-redis of inflated  {} at kustomized/kustomization.yaml:3: size=1 at kustomized/kustomization.yaml:6"}},
	} {
		t.Run(tt.target.Dir, func(t *testing.T) {
			result := render(t, r, tt.target)
			before := len(result.Resources)
			result.AddReleases(r, tt.target, known)
			var got []string
			for _, res := range result.Resources[before:] {
				got = append(got, releaseText(t, res))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func releaseText(t *testing.T, res *Resource) string {
	t.Helper()
	var labels []string
	_, kind := res.Find("kind")
	_, name := res.Find("metadata", "name")
	if kind == nil || kind.Value != kindRelease || name == nil {
		t.Fatalf("it is %v", res.Node)
	}
	if _, n := res.Find("metadata", "labels"); n != nil {
		for i := 0; i < len(n.Content); i += 2 {
			labels = append(labels, n.Content[i].Value+": "+n.Content[i+1].Value)
		}
	}
	var values []string
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			at := res.Origin(n).Source
			values = append(values, fmt.Sprintf("%s=%s at %s:%d", path[1:], n.Value, at.File, at.Line))
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(path+"."+n.Content[i].Value, n.Content[i+1])
		}
	}
	_, spec := res.Find("spec")
	if at := res.Origin(spec).Source; at.File == "" || at.Line == 0 {
		t.Errorf("the values of %s are at %+v", name.Value, at)
	}
	walk("", spec)
	text := func(key string) string { return textAt(res.Node, "metadata", key) }
	at := res.Origin(name).Source
	return fmt.Sprintf("%s/%s of %s %s {%s} at %s:%d: %s", text("namespace"), text("name"), text("release"), text("version"), strings.Join(labels, ", "), at.File, at.Line, strings.Join(values, ", "))
}

// TestReleaseWithout: what is missing in the values of a release is missing at a place.
func TestReleaseWithout(t *testing.T) {
	const of = "-- platform/a.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  destination: {namespace: apps}\n  source:\n" +
		"    repoURL: https://charts.bitnami.com/bitnami\n    chart: redis\n    targetRevision: 18.1.0\n"
	for _, helm := range []string{
		"", "    helm: {values: \"auth: {enabled: false}\"}\n", "    helm: {valuesObject: {auth: {enabled: false}}}\n", "    helm: {parameters: [{name: auth.enabled, value: \"false\"}]}\n",
		"    helm: {values: \"a: 1\", parameters: [{name: b, value: \"2\"}]}\n",
	} {
		r := open(t, of+helm+"-- platform/kustomization.yaml --\nresources: [a.yaml]\n")
		target := Target{Dir: "platform", Kind: repo.Kustomize}
		result := render(t, r, target)
		result.AddReleases(r, target, func(string, string) string { return "bitnami/redis" })
		if len(result.Resources) != 2 {
			t.Fatalf("%d resources", len(result.Resources))
		}
		res := result.Resources[1]
		_, spec := res.Find("spec")
		if at := res.Origin(spec).Source; at.File != "platform/a.yaml" || at.Line == 0 {
			t.Errorf("%q: the values are at %+v", helm, at)
		}
	}
}
