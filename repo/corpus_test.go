package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/spf13/afero"
)

// corpus opens a public repository beside ours; the test is skipped where there is none.
func corpus(t *testing.T, name string, layout Layout) *Repo {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "corpus", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("../shared/corpus is not here; CI has it")
	}
	fsys, err := rootfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	r, err := Open(fsys, Options{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCorpusGetStarted(t *testing.T) {
	src := corpus(t, "reclaim-the-stack+get-started", Layout{})
	if apps, err := src.Apps(); err != nil || len(apps) != 0 {
		t.Fatalf("get-started has no applications, got %v, %v", apps, err)
	}
	// The template of the layout comes without applications, so add one to a copy in memory.
	files, err := src.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	copied := afero.NewMemMapFs()
	for _, name := range files {
		data, err := src.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := afero.WriteFile(copied, name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := afero.WriteFile(copied, "applications/shop/Chart.yaml", []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Open(copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	app, err := r.App("shop")
	if err != nil {
		t.Fatal(err)
	}
	deployments, err := app.Deployments()
	if err != nil || len(deployments) != 1 {
		t.Fatalf("got %v, %v", deployments, err)
	}
	d := deployments[0]
	if got, want := fmt.Sprint(d.Source, d.Kind, d.Name, d.ReleaseName, d.Namespace, d.NamespaceAt),
		fmt.Sprint("argocd-root.yaml:61:1", "ApplicationSet", "shop", "shop", "default", "argocd-root.yaml:87:20"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, doc := range r.deployers.docs {
		if filepath.Base(filepath.Dir(doc.File)) == "disabled" {
			t.Errorf("%s deploys, though nothing reaches it", doc.File)
		}
	}
}

func TestCorpusEco2(t *testing.T) {
	r := corpus(t, "eco2-team+backend", Layout{Applications: []string{"workloads/*", "workloads/domains/*"}})
	apps, err := r.Apps()
	if err != nil {
		t.Fatal(err)
	}
	if len(apps) < 30 {
		t.Errorf("only %d applications", len(apps))
	}
	for _, tt := range []struct{ app, dir, dev, prod string }{
		{"redis", "workloads/redis", "redis", "redis"},
		{"chat", "workloads/domains/chat", "chat", "chat"},
		{"chat-worker", "workloads/domains/chat-worker", "chat", "chat"},
	} {
		app, err := r.App(tt.app)
		if err != nil {
			t.Fatal(err)
		}
		if app.Dir != tt.dir || app.Kind != Kustomize {
			t.Errorf("%s is %s in %s", tt.app, app.Kind, app.Dir)
		}
		deployments, err := app.Deployments()
		if err != nil || len(deployments) != 2 {
			t.Fatalf("%s: got %v, %v", tt.app, deployments, err)
		}
		if d := deployments[0]; d.Path != tt.dir+"/dev" || d.Namespace != tt.dev {
			t.Errorf("%s: dev is %+v", tt.app, d)
		}
		if d := deployments[1]; d.Path != tt.dir+"/prod" || d.Namespace != tt.prod {
			t.Errorf("%s: prod is %+v", tt.app, d)
		}
		if ns, at, err := app.Namespace(); err != nil || ns != tt.dev || at.Line == 0 {
			t.Errorf("%s: namespace %q at %s, %v", tt.app, ns, at, err)
		}
	}
}
