package diff

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// source is a repository in memory.
func source(t testing.TB, files map[string]string) Source {
	t.Helper()
	memory := afero.NewMemMapFs()
	for name, text := range files {
		if err := afero.WriteFile(memory, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := memory.MkdirAll(".", 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(memory, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Source{Repo: r, Files: slices.Sorted(maps.Keys(files))}
}

func config(t testing.TB) *cue.Config {
	t.Helper()
	c, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// collected compares two repositories.
func collected(t testing.TB, old, new map[string]string) (*Result, *Collected) {
	t.Helper()
	var changed []string
	for name := range maps.Keys(merged(old, new)) {
		a, was := old[name]
		b, is := new[name]
		if a != b || was != is {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	sides, err := Collect(context.Background(), source(t, old), source(t, new), changed, config(t))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compare(sides.Old, sides.New, operators(t))
	if err != nil {
		t.Fatal(err)
	}
	return r, sides
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// world is a repository with each way to deploy.
func world() map[string]string {
	failover := func(name string) string {
		return "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: " + name + "}\nspec:\n  redis:\n    replicas: 3\n    storage: {persistentVolumeClaim: {metadata: {name: data}}}\n"
	}
	argo := func(name, path, sync, finalizers string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", finalizers: [" + finalizers + "]}\nspec:\n  source: {path: " + path + "}\n  destination: {namespace: web}\n  syncPolicy: " + sync + "\n"
	}
	const finalizer = "resources-finalizer.argocd.argoproj.io"
	return map[string]string{
		"applications/shop/Chart.yaml":                         "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
		"applications/shop/values.yaml":                        "replicas: 3 # of Redis\n",
		"applications/shop/templates/redis.yaml":               "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  redis:\n    image: {{ include \"common.image\" . }}\n    replicas: {{ .Values.replicas }}\n    storage: {persistentVolumeClaim: {metadata: {name: data}}}\n",
		"applications/shop/charts/common/Chart.yaml":           "apiVersion: v2\nname: common\ntype: library\nversion: 1.0.0\n",
		"applications/shop/charts/common/templates/_redis.tpl": "{{- define \"common.image\" -}}redis:7.2.4{{- end }}\n",
		"applications/cart/kustomization.yaml":                 "resources: [../../bases/redis]\nnamePrefix: cart-\n",
		"bases/redis/kustomization.yaml":                       "resources: [redis.yaml]\n",
		"bases/redis/redis.yaml":                               failover("redis"),
		"applications/plain/redis.yaml":                        failover("plain"),
		"applications/plain/secret.yaml":                       "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\nstringData: {password: hunter2}\n",
		"values/production.yaml":                               "replicas: 5\n",
		"argocd/shop.yaml":                                     argo("shop", "applications/shop", "{automated: {prune: true}}", finalizer),
		"argocd/cart.yaml":                                     argo("cart", "applications/cart", "{automated: {prune: true}}", ""),
		"argocd/plain.yaml":                                    argo("plain", "applications/plain", "{}", finalizer),
	}
}

// TestCollect changes a repository in the ways in which a rendering can depend on a file.
func TestCollect(t *testing.T) {
	for _, tt := range []struct{ name, file, edit, want string }{
		{"a value", "applications/shop/values.yaml", "replicas: 3 => replicas: 4", "error stuck RedisFailover web/shop spec.redis.replicas applications/shop/values.yaml:1:11"},
		{"a library", "applications/shop/charts/common/templates/_redis.tpl", "redis:7.2.4 => redis:7.2.5", "warning roll RedisFailover web/shop spec.redis.image applications/shop/templates/redis.yaml:7"},
		{"a base", "bases/redis/redis.yaml", "replicas: 3 => replicas: 2", "warning live RedisFailover web/cart-redis spec.redis.replicas bases/redis/redis.yaml:6:15"},
		{"a prefix", "applications/cart/kustomization.yaml", "cart- => basket-", "error destroy RedisFailover web/cart-redis, RedisFailover web/basket-redis metadata.name applications/cart/kustomization.yaml:2:13"},
		{"a manifest", "applications/plain/redis.yaml", "name: data => name: other", "error stuck RedisFailover web/plain spec.redis.storage.persistentVolumeClaim.metadata.name applications/plain/redis.yaml:7:56"},
		{"a namespace", "argocd/shop.yaml", "namespace: web => namespace: store", "error destroy RedisFailover store/shop, RedisFailover web/shop metadata.namespace"},
		{"a release", "argocd/shop.yaml", "path: applications/shop => path: applications/shop, helm: {releaseName: front}", "error destroy RedisFailover web/front, RedisFailover web/shop metadata.name"},
		{"a parameter", "argocd/shop.yaml", "path: applications/shop => path: applications/shop, helm: {parameters: [{name: replicas, value: \"4\"}]}", "error stuck RedisFailover web/shop spec.redis.replicas argocd/shop.yaml:5"},
		{"a values file", "argocd/shop.yaml", "path: applications/shop => path: applications/shop, helm: {valueFiles: [../../values/production.yaml]}", "error stuck RedisFailover web/shop spec.redis.replicas values/production.yaml:1"},
		{"prune", "argocd/plain.yaml", "syncPolicy: {} => syncPolicy: {automated: {prune: true}}", "error destroy RedisFailover web/plain spec.syncPolicy.automated"},
		{"a path that is gone", "argocd/plain.yaml", "applications/plain => applications/none", "warning orphan RedisFailover web/plain "},
		{"a comment", "applications/shop/values.yaml", "# of Redis => # of the Redis", ""},
		{"quotes", "applications/plain/redis.yaml", "{name: data} => {\"name\": 'data'}", ""},
		{"a Secret of nobody", "applications/plain/secret.yaml", "hunter2 => hunter3", ""},
	} {
		old := world()
		new := maps.Clone(old)
		new[tt.file] = edited(t, new[tt.file], tt.edit)
		r, sides := collected(t, old, new)
		if len(sides.Problems) > 0 {
			t.Errorf("%s: %v", tt.name, sides.Problems)
		}
		var lines []string
		for _, c := range r.Changes {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s", c.Severity, c.Class, c.Redis, c.Path, c.At))
		}
		if got := strings.Join(lines, "\n"); tt.want == "" && got != "" || len(lines) > 1 || !sameWords(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestSpan has the text that a change is at: that of the value in the file that sets it, quotes and all, or the key of more than one line.
func TestSpan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, edit, want string }{
		{"a value", "applications/shop/values.yaml", "replicas: 3 => replicas: 14", "14"},
		{"a quoted value", "applications/shop/values.yaml", "image: \"redis:7.2.4\" => image: \"redis:7.4.0\"", "\"redis:7.4.0\""},
		{"a part of a text", "applications/shop/values.yaml", "tag: 7.2.4 => tag: 7.2.5", "7.2.5"},
		{"what a value passes on", "applications/shop/values.yaml", "{memory: 1Gi} => {memory: 20Gi}", "20Gi"},
		{"a template", "applications/shop/templates/redis.yaml", "hostNetwork: false => hostNetwork: true", "    hostNetwork: true"},
		{"a manifest", "applications/plain/redis.yaml", "storage: 1Gi => storage: '512Mi'", "'512Mi'"},
		{"a mapping", "applications/plain/redis.yaml", "persistentVolumeClaim: {metadata: {name: data}, spec: {resources: {requests: {storage: 1Gi}}}} => emptyDir: {}", "persistentVolumeClaim"},
	} {
		old := map[string]string{
			"applications/shop/Chart.yaml":  "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
			"applications/shop/values.yaml": "replicas: 3\nimage: \"redis:7.2.4\"\nsentinel: {tag: 7.2.4}\nrequests: {memory: 1Gi}\n",
			"applications/shop/templates/redis.yaml": "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: shop\nspec:\n  redis:\n    image: {{ .Values.image | quote }}\n" +
				"    replicas: {{ .Values.replicas }}\n    hostNetwork: false\n    resources:\n      requests: {{- toYaml .Values.requests | nindent 8 }}\n" +
				"  sentinel:\n    image: redis:{{ .Values.sentinel.tag }}\n",
			"applications/plain/redis.yaml": "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: plain}\nspec:\n  redis:\n    replicas: 3\n    storage:\n" +
				"      persistentVolumeClaim: {metadata: {name: data}, spec: {resources: {requests: {storage: 1Gi}}}}\n",
		}
		new := maps.Clone(old)
		new[tt.file] = edited(t, new[tt.file], tt.edit)
		r, _ := collected(t, old, new)
		var marked []string
		for _, c := range r.Changes {
			side := new
			if c.New == "" {
				side = old
			}
			lines := strings.Split(side[c.At.File], "\n")
			if c.At.EndLine != c.At.Line || c.At.Column < 1 || c.At.EndColumn > len(lines[c.At.Line-1])+1 {
				t.Errorf("%s: %s ends at %d:%d", tt.name, c.At, c.At.EndLine, c.At.EndColumn)
				continue
			}
			marked = append(marked, lines[c.At.Line-1][c.At.Column-1:c.At.EndColumn-1])
		}
		slices.Sort(marked)
		if got := strings.Join(slices.Compact(marked), " "); !sameWords(got, tt.want) || len(r.Changes) == 0 {
			t.Errorf("%s: marked %q, want %q", tt.name, got, tt.want)
		}
	}
}

// sameWords compares without the order of several Redis, and as far as is wanted.
func sameWords(got, want string) bool {
	return !slices.ContainsFunc(strings.FieldsFunc(want, func(r rune) bool { return r == ' ' || r == ',' }), func(word string) bool { return !strings.Contains(got, word) })
}

// TestGone removes a Redis in each way: what becomes of it depends on what deploys it, and on how it was.
func TestGone(t *testing.T) {
	const sync = "argocd.argoproj.io/sync-options: "
	for _, tt := range []struct {
		name   string
		before map[string]string // file: edit
		remove []string
		want   string
	}{
		{"file, pruned", map[string]string{"argocd/plain.yaml": "syncPolicy: {} => syncPolicy: {automated: {prune: true}}"}, []string{"applications/plain/redis.yaml"}, "error destroy"},
		{"file, volumes kept", map[string]string{"argocd/plain.yaml": "syncPolicy: {} => syncPolicy: {automated: {prune: true}}", "applications/plain/redis.yaml": "storage: { => storage: {keepAfterDeletion: true, "}, []string{"applications/plain/redis.yaml"}, "warning orphan"},
		{"file, no volume", map[string]string{"argocd/plain.yaml": "syncPolicy: {} => syncPolicy: {automated: {prune: true}}", "applications/plain/redis.yaml": "    storage: {persistentVolumeClaim: {metadata: {name: data}}}\n => "}, []string{"applications/plain/redis.yaml"}, "error destroy"},
		{"file, guarded", map[string]string{"argocd/plain.yaml": "syncPolicy: {} => syncPolicy: {automated: {prune: true}}", "applications/plain/redis.yaml": "{name: plain} => {name: plain, annotations: {" + sync + "Prune=false}}"}, []string{"applications/plain/redis.yaml"}, "warning orphan"},
		{"file, helm's annotation does not guard", map[string]string{"argocd/plain.yaml": "syncPolicy: {} => syncPolicy: {automated: {prune: true}}", "applications/plain/redis.yaml": "{name: plain} => {name: plain, annotations: {helm.sh/resource-policy: keep}}"}, []string{"applications/plain/redis.yaml"}, "error destroy"},
		{"file, not pruned", nil, []string{"applications/plain/redis.yaml"}, "warning orphan"},
		{"Application with a finalizer", nil, []string{"argocd/plain.yaml"}, "error destroy"},
		{"Application with a finalizer, guarded only against pruning", map[string]string{"applications/plain/redis.yaml": "{name: plain} => {name: plain, annotations: {" + sync + "Prune=false}}"}, []string{"argocd/plain.yaml"}, "error destroy"},
		{"Application with a finalizer, guarded", map[string]string{"applications/plain/redis.yaml": "{name: plain} => {name: plain, annotations: {" + sync + "Delete=false}}"}, []string{"argocd/plain.yaml"}, "warning orphan"},
		{"Application without one", nil, []string{"argocd/cart.yaml"}, "warning orphan"},
		{"Application and chart", nil, []string{"argocd/shop.yaml", "applications/shop/Chart.yaml", "applications/shop/values.yaml", "applications/shop/templates/redis.yaml"}, "error destroy"},
		{"chart alone", nil, []string{"applications/shop/templates/redis.yaml"}, "error destroy"},
	} {
		old := world()
		for file, edit := range tt.before {
			old[file] = edited(t, old[file], edit)
		}
		new := maps.Clone(old)
		for _, file := range tt.remove {
			delete(new, file)
		}
		r, _ := collected(t, old, new)
		if len(r.Changes) != 1 {
			t.Errorf("%s: %d changes: %+v", tt.name, len(r.Changes), r.Changes)
			continue
		}
		if got := r.Changes[0].Severity.String() + " " + r.Changes[0].Class; got != tt.want {
			t.Errorf("%s: %s, want %s: %s", tt.name, got, tt.want, r.Changes[0].Text)
		}
	}
}

// TestOperators upgrades, moves, replaces and removes an operator.
func TestOperators(t *testing.T) {
	install := func(image, namespace string) map[string]string {
		return merged(world(), map[string]string{"platform/operator/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: operator, namespace: " + namespace + "}\nspec: {template: {spec: {containers: [{name: a, image: \"" + image + "\"}]}}}\n"})
	}
	for _, tt := range []struct {
		name, class string
		new         map[string]string
	}{
		{"upgraded", "roll", install("quay.io/spotahome/redis-operator:v1.3.0", "a")}, {"moved", "stuck", install("quay.io/spotahome/redis-operator:v1.2.4", "b")},
		{"replaced", "roll", install("ghcr.io/freshworks-oss/redis-operator:v3.3.5", "a")}, {"removed", "orphan", world()},
		{"the same", "", install("quay.io/spotahome/redis-operator:v1.2.4", "a")},
	} {
		r, _ := collected(t, install("quay.io/spotahome/redis-operator:v1.2.4", "a"), tt.new)
		if got := Count(r.Changes); got != strings.TrimSpace("1 "+tt.class) && (tt.class != "" || got != "") {
			t.Errorf("%s: %q: %+v", tt.name, got, r.Changes)
		}
		for _, c := range r.Changes {
			if c.Rule != operatorRule {
				t.Errorf("%s: rule %q", tt.name, c.Rule)
			}
		}
	}
	for _, tt := range []struct{ name, old, new, class string }{
		{"OpsTree, other selectors", "quay.io/opstree/redis-operator:v0.20.0", "quay.io/opstree/redis-operator:v0.21.0", "stuck"},
		{"OpsTree", "quay.io/opstree/redis-operator:v0.24.0", "quay.io/opstree/redis-operator:v0.25.0", "roll"},
		{"a fork", "ghcr.io/freshworks-oss/redis-operator:v3.3.4", "ghcr.io/freshworks-oss/redis-operator:v3.3.5", "roll"},
		{"Alauda, not known", "ghcr.io/alauda/redis-operator:v3.17.0", "ghcr.io/alauda/redis-operator:v3.18.0", "roll"},
		{"from OpsTree", "quay.io/opstree/redis-operator:v0.24.0", "quay.io/spotahome/redis-operator:v1.2.4", "roll"},
	} {
		r, _ := collected(t, install(tt.old, "a"), install(tt.new, "a"))
		if len(r.Changes) != 1 || r.Changes[0].Class != tt.class || r.Changes[0].Rule != operatorRule {
			t.Errorf("%s: %+v", tt.name, r.Changes)
		}
	}
}

// TestCorpus compares public repositories with themselves, all files as changed.
func TestCorpus(t *testing.T) {
	roots, err := filepath.Glob("../../shared/corpus/*")
	if err != nil || len(roots) == 0 {
		t.Skip("there is no corpus")
	}
	resources := 0
	for i, root := range roots {
		if testing.Short() && i%4 > 0 {
			continue
		}
		files := map[string]string{}
		_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if src, err := os.ReadFile(name); err == nil && len(src) < 1<<20 {
					rel, _ := filepath.Rel(root, name)
					files[filepath.ToSlash(rel)] = string(src)
				}
			}
			return nil
		})
		s := source(t, files)
		sides, err := Collect(context.Background(), s, source(t, files), s.Files, config(t))
		if err != nil {
			t.Errorf("%s: %v", root, err)
			continue
		}
		r, err := Compare(sides.Old, sides.New, operators(t))
		if err != nil || len(r.Changes) > 0 {
			t.Errorf("%s: %v, %d changes: %+v", root, err, len(r.Changes), r.Changes)
		}
		resources += len(sides.New.Resources)
	}
	t.Logf("%d resources", resources)
	if resources < 100 {
		t.Errorf("only %d resources were compared", resources)
	}
}

// TestMeaningless rewrites manifests in ways that keep their meaning.
func TestMeaningless(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		for _, name := range []string{"spotahome", "freshworks", "opstree", "workload"} {
			old := manifests(t, name)
			var new strings.Builder
			for _, document := range strings.Split("\n"+old, "\n---\n") {
				var node yaml.Node
				if err := yaml.Unmarshal([]byte(document), &node); err != nil {
					t.Fatal(err)
				}
				shuffle(random, &node, random.IntN(2) == 0)
				text, err := yaml.Marshal(&node)
				if err != nil {
					t.Fatal(err)
				}
				new.WriteString("---\n" + string(text))
			}
			r, _ := collected(t, map[string]string{"applications/shop/all.yaml": old}, map[string]string{"applications/shop/all.yaml": new.String()})
			if len(r.Changes) > 0 {
				t.Fatalf("%s: %+v\n%s", name, r.Changes, new.String())
			}
		}
	}
}

// shuffle changes the order of keys, the style of nodes and the comments.
func shuffle(random *rand.Rand, n *yaml.Node, block bool) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if block && random.IntN(4) == 0 {
		n.HeadComment = "# comment"
	}
	flow := yaml.FlowStyle * yaml.Style(random.IntN(2))
	if block {
		flow = 0
	}
	switch n.Kind {
	case yaml.MappingNode:
		random.Shuffle(len(n.Content)/2, func(i, j int) {
			n.Content[2*i], n.Content[2*j] = n.Content[2*j], n.Content[2*i]
			n.Content[2*i+1], n.Content[2*j+1] = n.Content[2*j+1], n.Content[2*i+1]
		})
		n.Style = flow
	case yaml.SequenceNode:
		n.Style = flow
	case yaml.ScalarNode:
		if n.Tag == "!!str" {
			n.Style = []yaml.Style{0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle}[random.IntN(3)]
		}
	}
	for _, c := range n.Content {
		shuffle(random, c, block)
	}
}

// FuzzCompare compares any two streams: it never panics, and a stream with itself has no changes.
func FuzzCompare(f *testing.F) {
	for _, name := range []string{"spotahome", "opstree", "workload"} {
		src, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src), strings.ReplaceAll(string(src), "shop", "other"))
	}
	f.Add("kind: RedisFailover\nmetadata: {name: [a]}\n", "kind: Service\nmetadata: 1\n")
	f.Fuzz(func(t *testing.T, old, new string) {
		if len(old)+len(new) > 1<<16 {
			return
		}
		sides := [2]*Side{}
		for i, text := range []string{old, new} {
			s, err := Manifests(context.Background(), source(t, map[string]string{"stdin.yaml": text}).Repo, "stdin.yaml", config(t))
			if s == nil {
				t.Fatal(err)
			}
			s.Partial = false
			sides[i] = s
		}
		if _, err := Compare(sides[0], sides[1], operators(t)); err != nil {
			t.Fatal(err)
		}
		same, err := Compare(sides[0], sides[0], operators(t))
		if err != nil || len(same.Changes) > 0 {
			t.Fatalf("%v: %+v", err, same.Changes)
		}
	})
}

// sets is a repository whose applications an ApplicationSet deploys, or Flux.
func sets(policy, kustomization string) map[string]string {
	redis := func(name string) string {
		return "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: " + name + "}\nspec: {redis: {storage: {persistentVolumeClaim: {metadata: {name: data}}}}}\n"
	}
	files := map[string]string{"applications/a/redis.yaml": redis("a"), "applications/b/redis.yaml": redis("b"), "applications/b/other.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: b}\n"}
	if kustomization == "" {
		files["platform-applications/apps.yaml"] = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: apps}\nspec:\n  generators: [{git: {directories: [{path: applications/*}]}}]\n" +
			"  syncPolicy: " + policy + "\n  template:\n    metadata: {name: \"{{path.basename}}\"}\n    spec:\n      source: {path: \"{{path}}\"}\n      destination: {namespace: web}\n      syncPolicy: {automated: {prune: true}}\n"
	} else {
		files["flux/b.yaml"] = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: b}\nspec: {path: ./applications/b, targetNamespace: web, " + kustomization + "}\n"
		files["flux/a.yaml"] = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: ./applications/a, targetNamespace: web, prune: true}\n"
	}
	return files
}

// TestGoneFromSets removes an application, or the Redis of one, that an ApplicationSet or Flux deploys.
func TestGoneFromSets(t *testing.T) {
	all, one := []string{"applications/b/redis.yaml", "applications/b/other.yaml"}, []string{"applications/b/redis.yaml"}
	for _, tt := range []struct {
		name, policy, kustomization string
		remove                      []string
		want                        string
	}{
		{"directory", "{}", "", all, "error destroy"},
		{"directory, preserved", "{preserveResourcesOnDeletion: true}", "", all, "warning orphan"},
		{"Redis alone", "{preserveResourcesOnDeletion: true}", "", one, "error destroy"},
		{"ApplicationSet", "{}", "", []string{"platform-applications/apps.yaml"}, "error destroy"},
		{"Flux, pruned", "", "prune: true", one, "error destroy"},
		{"Flux, not pruned", "", "prune: false", one, "warning orphan"},
		{"Kustomization", "", "prune: true", []string{"flux/b.yaml"}, "error destroy"},
		{"suspended Kustomization", "", "prune: true, suspend: true", []string{"flux/b.yaml"}, "warning orphan"},
		{"Kustomization that orphans", "", "prune: true, deletionPolicy: Orphan", []string{"flux/b.yaml"}, "warning orphan"},
	} {
		old := sets(tt.policy, tt.kustomization)
		new := maps.Clone(old)
		for _, file := range tt.remove {
			delete(new, file)
		}
		r, _ := collected(t, old, new)
		for _, c := range r.Changes {
			if got := c.Severity.String() + " " + c.Class; got != tt.want || c.Resource.Kind != "RedisFailover" {
				t.Errorf("%s: %s, want %s: %+v", tt.name, got, tt.want, c)
			}
		}
		want := 1
		if tt.name == "ApplicationSet" {
			want = 2
		}
		if len(r.Changes) != want {
			t.Errorf("%s: %d changes, want %d: %+v", tt.name, len(r.Changes), want, r.Changes)
		}
	}
}

// TestMoved moves an application to another directory, which changes nothing, and gives it another name, which is another Redis.
func TestMoved(t *testing.T) {
	old := world()
	new := map[string]string{}
	for name, text := range old {
		new[strings.Replace(name, "applications/shop/", "applications/store/", 1)] = text
	}
	new["argocd/shop.yaml"] = edited(t, new["argocd/shop.yaml"], "path: applications/shop => path: applications/store")
	if r, _ := collected(t, old, new); len(r.Changes) > 0 {
		t.Errorf("moved: %+v", r.Changes)
	}
	new["argocd/shop.yaml"] = edited(t, new["argocd/shop.yaml"], "name: shop => name: store")
	r, _ := collected(t, old, new)
	if len(r.Changes) != 1 || r.Changes[0].Class != "destroy" || r.Changes[0].Old != "shop" || r.Changes[0].New != "store" {
		t.Errorf("renamed: %+v", r.Changes)
	}
}

// TestMasked has a password in every part of a change.
func TestMasked(t *testing.T) {
	old := manifests(t, "spotahome")
	r, _ := collected(t, map[string]string{"applications/shop/all.yaml": old}, map[string]string{"applications/shop/all.yaml": edited(t, old, "password: first => password: second")})
	if len(r.Changes) != 1 || len(r.Texts()) != 1 {
		t.Fatalf("%+v", r.Changes)
	}
	if text := fmt.Sprintf("%+v %+v", r.Changes, r.Texts()); strings.Contains(text, "first}") || strings.Contains(text, "second") || !strings.Contains(text, "***") {
		t.Error(text)
	}
}
