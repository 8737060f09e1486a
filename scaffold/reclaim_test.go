package scaffold

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

// getStarted copies Reclaim the Stack's public repository into memory.
func getStarted(t *testing.T) *repo.Repo {
	t.Helper()
	root := filepath.Join("..", "..", "shared", "corpus", "reclaim-the-stack+get-started")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus of public manifests is not here")
	}
	return folder(t, root)
}

// folder copies a folder on disk into a repository in memory.
func folder(t *testing.T, root string) *repo.Repo {
	t.Helper()
	mem := afero.NewMemMapFs()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return afero.WriteFile(mem, filepath.ToSlash(path[len(root)+1:]), src, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(mem, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReclaimTheStack compares with what k writes on its good path: the generator with its placeholders replaced, and its
// example in the place of the empty collections.
func TestReclaimTheStack(t *testing.T) {
	r := getStarted(t)
	p, err := PlanApplication(r, ApplicationRequest{App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, r, "applications/shop/values.yaml"), "deployments: {}\nresources: {}\nenvFrom: []\nenv: []\n"; got != want {
		t.Errorf("values.yaml of a new application: %q", got)
	}
	add := func(typ, suffix string) {
		t.Helper()
		p, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop", Type: typ, Suffix: suffix})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	add("redis", "")
	generator := read(t, r, "generators/resources/redis.yaml")
	want := strings.NewReplacer("%{application}", "shop", "%{camelName}", "redis", "%{name}", "redis", "%{suffix}", "").Replace(generator)
	if read(t, r, "applications/shop/templates/redis.yaml") != want {
		t.Error("the template is not the generator")
	}
	header, _, _ := strings.Cut(want[strings.Index(want, "# Example values.yaml:\n")+len("# Example values.yaml:\n"):], "\n\n")
	example := strings.ReplaceAll("\n"+header, "\n# ", "\n")[1:]
	resources, env, _ := strings.Cut(example, "\nenv:")
	values := read(t, r, "applications/shop/values.yaml")
	if want := "deployments: {}\n" + resources + "\nenvFrom: []\nenv:" + env + "\n"; values != want {
		t.Errorf("values.yaml:\n%s\nwant\n%s", values, want)
	}

	add("redis", "cache")
	values = read(t, r, "applications/shop/values.yaml")
	for _, name := range []string{"REDIS_URL", "SENTINEL_URL", "REDIS_CACHE_URL", "SENTINEL_CACHE_URL"} {
		if n := strings.Count(values, "name: "+name+","); n != 1 {
			t.Errorf("%s stands %d times in\n%s", name, n, values)
		}
	}

	// Their other generators, with and without a suffix.
	for _, typ := range []string{"postgres", "elasticsearch", "redis-template-style"} {
		add(typ, "extra")
		if again, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop", Type: typ, Suffix: "extra"}); err != nil || again.Changed() {
			t.Errorf("%s: a second run: %v", typ, err)
		}
	}
	values = read(t, r, "applications/shop/values.yaml")
	if !strings.Contains(values, "  postgresExtra:\n") || !strings.Contains(values, "elastic:$(ELASTICSEARCH_EXTRA_PASSWORD)@shop-extra-es-default:9200") {
		t.Errorf("values.yaml:\n%s", values)
	}
	for _, typ := range []string{"web", "sidekiq", "other"} {
		p, err := PlanDeployment(context.Background(), r, DeploymentRequest{App: "shop", Type: typ, Image: "registry.example.com/shop:1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	values = read(t, r, "applications/shop/values.yaml")
	if !strings.HasPrefix(values, "image: registry.example.com/shop:1\ndeployments:\n  web:\n") || !strings.Contains(values, "envFrom:\n  - secretRef:\n      name: shop #") {
		t.Errorf("values.yaml:\n%s", values)
	}
}

// TestKSnapshot makes what k's own specification makes, from its generators, and compares with its snapshot to the byte. k
// puts a new entry before the others and this tool puts it behind them, so the order of the commands is the other way round.
func TestKSnapshot(t *testing.T) {
	fixtures := filepath.Join("..", "..", "shared", "corpus", "reclaim-the-stack+k", "spec", "fixtures")
	want, err := os.ReadFile(filepath.Join(fixtures, "generated-values-snapshot.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the corpus of public manifests is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	r := folder(t, filepath.Join(fixtures, "dummy-home", ".k", "test"))
	apply := func(p *Plan, err error) {
		t.Helper()
		if err == nil {
			err = p.Apply(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(PlanApplication(r, ApplicationRequest{App: "test-app"}))
	for _, typ := range []string{"sidekiq", "web"} {
		apply(PlanDeployment(context.Background(), r, DeploymentRequest{App: "test-app", Type: typ, Image: "docker.io/dummy-user/test-app:latest"}))
	}
	for _, typ := range []string{"redis", "postgres"} {
		apply(PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "test-app", Type: typ}))
	}
	if got := read(t, r, "applications/test-app/values.yaml"); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
