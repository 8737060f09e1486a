package cli

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exampleApp has a Redis of an operator that this project does not know, and what belongs to it.
var exampleApp = map[string]string{
	".redis-gitops.yaml":           "",
	"applications/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
	"applications/shop/values.yaml": "redis:\n  policy: lru\n" +
		"url: redis://cart-primary:6379\nold: redis://cart-primry:6379\n",
	"applications/shop/templates/redis.yaml": `apiVersion: example.test/v1
kind: ExampleRedis
metadata:
  name: cart
  namespace: shop
spec:
  replicas: 2
  image: redis:7.4.11
  config:
    - maxmemory-policy {{ .Values.redis.policy }}
  resources: {requests: {memory: 256Mi}, limits: {memory: 256Mi}}
`,
	"applications/shop/templates/app.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: shop}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: app
          image: registry.example.test/app:1
          env:
            - {name: REDIS_URL, value: "{{ .Values.url }}"}
            - {name: OLD_REDIS_URL, value: "{{ .Values.old }}"}
`,
}

// TestAddedOperator adds an operator as CONTRIBUTING says, one directory and nothing else, to a copy of the source. Then url, lint,
// operators and primaries agree about its Redis.
func TestAddedOperator(t *testing.T) {
	t.Parallel()
	source, work := copySource(t), t.TempDir()
	writeTree(t, source, map[string]string{"cue/operator/example/operator.cue": string(fixture(t, "testdata/operator/operator.cue"))})
	tool := filepath.Join(t.TempDir(), "redis-gitops")
	for _, args := range [][]string{
		{"test", "-vet=off", "./cue", "-run", "^(TestStructure|TestFieldsByKind)$"},
		{"test", "-vet=off", "./cue", "-run", "^(TestStructure|TestFieldsByKind)$"}, // the second sees what the first wrote
		{"test", "-vet=off", "./policy/planrules", "-run", "^TestPlan$"},
		{"build", "-o", tool, "./cmd/redis-gitops"},
	} {
		c := exec.Command("go", args...)
		c.Dir, c.Env = source, append(os.Environ(), "UPDATE=1")
		if out, err := c.CombinedOutput(); err != nil && !strings.Contains(string(out), "UPDATE=1") {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	writeTree(t, work, exampleApp)
	run := func(args ...string) string {
		c := exec.Command(tool, append([]string{"-C", work}, args...)...)
		out, err := c.CombinedOutput()
		if err != nil && c.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out)
	}
	has := func(out string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
	has(run("url", "cart"), "redis://cart-primary.shop")
	found := run("lint", "--format", "compact")
	has(found, `values.yaml:4:`, `"cart-primry"`, "url/unknown-host", `templates/redis.yaml:10:`, `invalid value "lru" for maxmemory-policy`, "config/rejected")
	if strings.Contains(found, "values.yaml:3:") {
		t.Errorf("the URL is right\n%s", found)
	}
	has(run("operators"), "example")
	has(run("primaries", "-n", "shop", "--kubeconfig", exampleCluster(t), "--output", "json"), `"cart"`, `"ExampleRedis"`, `"example"`)
}

// exampleCluster is a Kubernetes API that has the Redis and none of its pods; it returns a kubeconfig.
func exampleCluster(t *testing.T) string {
	t.Helper()
	redis := map[string]any{"apiVersion": "example.test/v1", "kind": "ExampleRedis", "metadata": map[string]any{"name": "cart", "namespace": "shop"}, "spec": map[string]any{"replicas": 2}}
	answers := map[string]any{
		"/apis": map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{map[string]any{"name": "example.test", "versions": []any{map[string]any{"groupVersion": "example.test/v1", "version": "v1"}}}}},
		"/apis/example.test/v1": map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "example.test/v1", "resources": []any{
			map[string]any{"name": "exampleredises", "kind": "ExampleRedis", "namespaced": true, "verbs": []any{"list", "get"}}}},
		"/apis/example.test/v1/namespaces/shop/exampleredises": map[string]any{"kind": "ExampleRedisList", "apiVersion": "example.test/v1", "metadata": map[string]any{}, "items": []any{redis}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			answer = map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"kubeconfig": "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: '" + server.URL +
		"'}\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\nusers:\n- name: a\n  user: {}\n"})
	return filepath.Join(dir, "kubeconfig")
}

// copySource copies the source of the project, without what is built from it.
func copySource(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	left := []string{".git", ".cache", "node_modules", "bin", "dist"}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(left, d.Name()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel("../..", path)
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), src, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
