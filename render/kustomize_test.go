package render

import (
	"context"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

const overlays = `
-- base/kustomization.yaml --
resources:
  - redis.yaml
  - service.yaml
-- base/redis.yaml --
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: cache
spec:
  sentinel:
    replicas: 3
  redis:
    replicas: 3
    customConfig:
      - maxmemory 100mb
      - maxmemory-policy noeviction
    resources:
      limits:
        memory: 1Gi
-- base/service.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: { app: web }
  template:
    metadata:
      labels: { app: web }
    spec:
      containers:
        - name: side
          image: side:1
        - name: web
          image: registry/web:1
          env:
            - name: A
              value: one
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
-- dev/kustomization.yaml --
namespace: dev
namePrefix: dev-
commonLabels:
  team: blue
resources:
  - ../base
  - github.com/spotahome/redis-operator/manifests/kustomize/overlays/full?ref=v1.2.4
images:
  - name: registry/web
    newTag: "2"
replicas:
  - name: web
    count: 5
configMapGenerator:
  - name: settings
    literals:
      - LEVEL=debug
helmCharts:
  - name: vector
    repo: https://helm.vector.dev
patches:
  - path: patch.yaml
  - target:
      kind: RedisFailover
      name: cache
    patch: |-
      - op: replace
        path: /spec/sentinel/replicas
        value: 1
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
      spec:
        template:
          spec:
            containers:
              - name: web
                env:
                  - name: B
                    value: two
-- dev/patch.yaml --
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: cache
spec:
  redis:
    replicas: 2
    resources:
      limits:
        memory: 2Gi
`

func resourceNamed(t *testing.T, result *Result, kind, prefix string) *Resource {
	t.Helper()
	for _, r := range result.Resources {
		_, k := r.Find("kind")
		_, n := r.Find("metadata", "name")
		if k != nil && n != nil && k.Value == kind && strings.HasPrefix(n.Value, prefix) {
			return r
		}
	}
	t.Fatalf("no %s %s in %d resources", kind, prefix, len(result.Resources))
	return nil
}

// TestKustomizeOrigin wants of every way in which a kustomization sets something the file that has to be edited.
func TestKustomizeOrigin(t *testing.T) {
	r := open(t, overlays)
	result := render(t, r, Target{Dir: "dev", Kind: repo.Kustomize})
	want := `notice dev/kustomization.yaml:7:5: "github.com/spotahome/redis-operator/manifests/kustomize/overlays/full?ref=v1.2.4" is not fetched, so its resources are not linted
notice dev/kustomization.yaml:19:5: chart "vector" is not rendered, because that requires fetching it and running Helm
`
	if got := problems(result); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, tt := range []struct{ kind, name, path, want string }{
		{"RedisFailover", "dev-cache", "kind", "base/redis.yaml:2:7-20 literal"},
		{"RedisFailover", "dev-cache", "metadata/name", "dev/kustomization.yaml:2:13-17"},
		{"RedisFailover", "dev-cache", "metadata/namespace", "dev/kustomization.yaml:1:12-15 literal"},
		{"RedisFailover", "dev-cache", "metadata/labels/team", "dev/kustomization.yaml:4:9-13 literal"},
		{"RedisFailover", "dev-cache", "spec/sentinel/replicas", "dev/kustomization.yaml:29:16-17 literal"},
		{"RedisFailover", "dev-cache", "spec/redis/replicas", "dev/patch.yaml:7:15-16 literal"},
		{"RedisFailover", "dev-cache", "spec/redis/resources/limits/memory", "dev/patch.yaml:10:17-20 literal"},
		{"RedisFailover", "dev-cache", "spec/redis/customConfig/1", "base/redis.yaml:12:9-36 literal"},
		{"Deployment", "dev-web", "spec/replicas", "dev/kustomization.yaml:13:12-13 literal"},
		{"Deployment", "dev-web", "spec/template/spec/containers/0/image", "dev/kustomization.yaml:10:13-16"},
		{"Deployment", "dev-web", "spec/template/spec/containers/0/env/0/value", "dev/kustomization.yaml:42:28-31 literal"},
		{"Deployment", "dev-web", "spec/template/spec/containers/0/env/1/value", "base/service.yaml:20:22-25 literal"},
		{"Deployment", "dev-web", "spec/template/spec/containers/1/image", "base/service.yaml:15:18-24 literal"},
		{"Service", "dev-web", "spec/selector/team", "dev/kustomization.yaml:4:9-13 literal"},
		{"Service", "dev-web", "spec/selector/app", "base/service.yaml:28:10-13 literal"},
		{"ConfigMap", "dev-settings", "data/LEVEL", "dev/kustomization.yaml:17:9-20"},
	} {
		resource := resourceNamed(t, result, tt.kind, tt.name)
		_, n := resource.Find(strings.Split(tt.path, "/")...)
		if n == nil {
			t.Errorf("%s %s: %s is not there", tt.kind, tt.name, tt.path)
			continue
		}
		if got := describe(resource.Origin(n)); got != tt.want {
			t.Errorf("%s %s %s: got %s, want %s", tt.kind, tt.name, tt.path, got, tt.want)
		}
	}
	if got := resourceNamed(t, result, "RedisFailover", "dev-cache").File; got != "base/redis.yaml" {
		t.Errorf("file of the resource: %s", got)
	}
	if got, want := strings.Join(result.Files, " "), "base/kustomization.yaml base/redis.yaml base/service.yaml dev/kustomization.yaml dev/patch.yaml"; got != want {
		t.Errorf("files: got %s, want %s", got, want)
	}
}

func TestKustomizeProblems(t *testing.T) {
	for _, tt := range []struct{ name, archive, want string }{
		{"missing resource", "-- k/kustomization.yaml --\nresources:\n  - a.yaml\n  - b.yaml\n-- k/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n",
			"render-fails k/kustomization.yaml:3:5: \"b.yaml\" does not exist; create it or remove it from resources\n"},
		{"outside", "-- k/kustomization.yaml --\nresources:\n  - ../../x\n",
			"render-fails k/kustomization.yaml:2:5: \"../../x\" is outside the repository; use a file or directory in it\n"},
		{"alias of itself", "-- k/kustomization.yaml --\nresources: [a.yaml]\n-- k/a.yaml --\na: &a\n  b: *a\n",
			"other k/a.yaml:2:6: alias \"a\" contains itself; remove the alias\n"},
		{"cycle", "-- k/kustomization.yaml --\nresources: [../j]\n-- j/kustomization.yaml --\nresources: [../k]\n",
			"render-fails j/kustomization.yaml:1:13: \"../k\" includes this kustomization in turn; remove one of them\n"},
		{"unknown field", "-- k/kustomization.yaml --\nresorces: []\n", "render-fails k/kustomization.yaml: rejected by kustomize: json: unknown field \"resorces\"\n"},
		{"patch without target", "-- k/kustomization.yaml --\nresources: [a.yaml]\npatches:\n  - path: p.yaml\n-- k/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n-- k/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: nope\n",
			"render-fails k/p.yaml:4:9: metadata.name: patch target ConfigMap \"nope\" not found; fix kind and name, or add it to resources\n"},
		{"patch without namespace", "-- k/kustomization.yaml --\nresources: [a.yaml]\npatches:\n  - path: p.yaml\n-- k/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: n }\n-- k/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
			"render-fails k/p.yaml:4:9: metadata.namespace: ConfigMap \"a\" is in namespace \"n\" but the patch is not, so kustomize does not find its target; add \"namespace: n\"\n"},
		{"program", "-- k/kustomization.yaml --\nresources: [a.yaml]\ntransformers: [t.yaml]\n-- k/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n-- k/t.yaml --\napiVersion: v1\nkind: Steal\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: { path: ./steal.sh }\n",
			"notice k/kustomization.yaml:2:16: transformer \"Steal\" is a program and is not run, so its changes are not linted\n"},
		{"broken kustomization", "-- k/kustomization.yaml --\nresources: [\n", "syntax k/kustomization.yaml:2: invalid YAML: did not find expected node content; fix the syntax here or just before\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result := render(t, open(t, tt.archive), Target{Dir: "k", Kind: repo.Kustomize})
			if got := problems(result); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

// TestKustomizeCorpus renders every kustomization of the public repositories, without an origin that is not in a file.
func TestKustomizeCorpus(t *testing.T) {
	for _, name := range []string{"eco2-team+backend", "reclaim-the-stack+get-started"} {
		r := openDir(t, "../../shared/corpus/"+name)
		targets, _, err := Targets(r)
		if err != nil {
			t.Fatal(err)
		}
		resources, nodes, unplaced, rendered := 0, 0, 0, 0
		sources := map[string][]byte{}
		for _, target := range targets {
			if target.Kind != repo.Kustomize {
				continue
			}
			rendered++
			result, err := Render(context.Background(), r, target, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range result.Problems {
				// The corpus has no files but manifests. The second is a mistake that it has: `kustomize build` stops there too.
				if !strings.Contains(p.Message, "does not exist") && !strings.HasSuffix(p.File, "prod/patch-deployment.yaml") {
					t.Errorf("%s: %s", target.Dir, p)
				}
			}
			for _, resource := range result.Resources {
				resources++
				var check func(n *yaml.Node)
				check = func(n *yaml.Node) {
					nodes++
					o := resource.Origin(n)
					if o.Source.Line == 0 {
						unplaced++
						t.Logf("%s: %q has no line", resource.File, n.Value)
					} else if n.Kind == yaml.ScalarNode && o.Literal {
						src := sources[o.Source.File]
						if src == nil {
							if src, err = r.ReadFile(o.Source.File); err != nil {
								t.Fatal(err)
							}
							sources[o.Source.File] = src
						}
						line := lineOf(src, o.Source.Line)
						plain := !strings.Contains(line, `"`) && !strings.HasSuffix(line, "-") && !strings.HasSuffix(line, "|") // else it is written otherwise
						if n.Value != "" && n.Style == 0 && plain && !strings.Contains(line, n.Value) && !strings.Contains(n.Value, "\n") {
							t.Errorf("%s: %q is not in the line %s: %s", resource.File, n.Value, o.Source, line)
						}
					}
					for _, c := range n.Content {
						check(c)
					}
				}
				check(resource.Node)
			}
		}
		t.Logf("%s: %d kustomizations, %d resources, %d nodes, %d without a line", name, rendered, resources, nodes, unplaced)
		if rendered == 0 || resources == 0 || unplaced*100 > nodes {
			t.Errorf("%s: %d kustomizations, %d resources, %d of %d nodes without a line", name, rendered, resources, unplaced, nodes)
		}
	}
}

// Flux reads files of other directories, and Argo CD refuses them.
func TestKustomizeOutside(t *testing.T) {
	const archive = "-- base/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n" +
		"-- shared/p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { k: v }\n" +
		"-- k/kustomization.yaml --\nresources:\n  - ../base/a.yaml\npatches:\n  - path: ../shared/p.yaml\n"
	const refused = "render-fails k/kustomization.yaml:2:5: \"../base/a.yaml\" is outside the directory of the kustomization, which Argo CD does not allow; " +
		"move it, add a kustomization for it, or set kustomize.buildOptions of Argo CD to --load-restrictor LoadRestrictionsNone\n"
	for _, tt := range []struct {
		deployment *repo.Deployment
		want       string
		resources  int
	}{
		{nil, "", 1},
		{&repo.Deployment{Kind: "Kustomization"}, "", 1},
		{&repo.Deployment{Kind: "Application"}, refused, 0},
		{&repo.Deployment{Kind: "ApplicationSet"}, refused, 0},
	} {
		result := render(t, open(t, archive), Target{Dir: "k", Kind: repo.Kustomize, Deployment: tt.deployment})
		got, _, _ := strings.Cut(problems(result), "\nrender-fails k/kustomization.yaml: rejected")
		if tt.want != "" {
			got = strings.TrimSuffix(got, "\n") + "\n"
		}
		if got != tt.want || len(result.Resources) != tt.resources {
			t.Errorf("%+v: %d resources, problems:\n%swant:\n%s", tt.deployment, len(result.Resources), got, tt.want)
		}
		if tt.resources > 0 {
			if _, value := result.Resources[0].Find("data", "k"); value == nil {
				t.Errorf("%+v: the patch is not applied", tt.deployment)
			}
		}
	}
}

// TestKustomizeBelow: what kustomize says of a base is said at the base, whatever uses it.
func TestKustomizeBelow(t *testing.T) {
	const archive = "-- base/kustomization.yaml --\nresources: [a.yaml]\nreplacements:\n  - source: {kind: ConfigMap, name: none, fieldPath: data.k}\n    targets: [{select: {kind: ConfigMap}, fieldPaths: [data.v]}]\n" +
		"-- base/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { v: w }\n" +
		"-- middle/kustomization.yaml --\nresources: [../base]\n-- k/kustomization.yaml --\nresources: [../middle]\n"
	const want = "render-fails base/kustomization.yaml: rejected by kustomize: nothing selected by ConfigMap.[noVer].[noGrp]/none.[noNs]:data.k\n"
	for _, dir := range []string{"base", "middle", "k"} {
		if got := problems(render(t, open(t, archive), Target{Dir: dir, Kind: repo.Kustomize})); got != want {
			t.Errorf("%s: got\n%swant\n%s", dir, got, want)
		}
	}
}
