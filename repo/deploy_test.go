package repo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"
)

const application = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: platform
spec:
  source:
    path: NAME
  destination:
    namespace: other
`

const applicationSet = `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: applications
spec:
  generators:
    - git:
        directories:
          - path: applications/*
  template:
    metadata:
      name: "{{path.basename}}"
    spec:
      source:
        path: "{{path}}"
      destination:
        namespace: default
`

// TestDeployments compares what is said of every application with the file want of an archive; UPDATE=1 rewrites it.
func TestDeployments(t *testing.T) {
	archives, err := filepath.Glob("testdata/deployments/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := &archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				t.Fatal("the last file is not want")
			}
			got := describe(t, string(txtar.Format(archive)))
			if os.Getenv("UPDATE") != "" {
				want.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(want.Data) {
				t.Errorf("got\n%s\nwant\n%s", got, want.Data)
			}
		})
	}
}

func describe(t *testing.T, archive string) string {
	t.Helper()
	apps, err := open(t, archive).Apps()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, a := range apps {
		ns, at, err := a.Namespace()
		fmt.Fprintf(&b, "%s in %s at %s\n", a.Name, ns, at)
		if err != nil {
			fmt.Fprintf(&b, "  %v\n", err)
		}
		deployments, err := a.Deployments()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deployments {
			fmt.Fprintf(&b, "  %s %q of %s deploys %s\n", d.Kind, d.Name, d.Source, d.Path)
			if d.Namespace != "" {
				fmt.Fprintf(&b, "    namespace %s at %s\n", d.Namespace, d.NamespaceAt)
			}
			if d.ReleaseName != "" {
				fmt.Fprintf(&b, "    release %s\n", d.ReleaseName)
			}
			if len(d.ValueFiles) > 0 {
				fmt.Fprintf(&b, "    value files %s, missing ones ignored: %v, without the chart's: %v\n", strings.Join(d.ValueFiles, " "), d.IgnoreMissingValueFiles, d.NoChartValues)
			}
			if d.Values != nil {
				visit(d.Values, func(n *yaml.Node) {
					if n.Kind == yaml.ScalarNode {
						fmt.Fprintf(&b, "    %d:%d %s\n", n.Line, n.Column, n.Value)
					}
				})
			}
			if d.ValuesErr != nil {
				fmt.Fprintf(&b, "    %v\n", d.ValuesErr)
			}
			for _, p := range d.Parameters {
				fmt.Fprintf(&b, "    %s: %s=%s %v\n", p.At, p.Name, p.Value, p.ForceString)
			}
		}
	}
	return b.String()
}

// What was found is kept until a change, which may be of the ApplicationSet.
func TestDeploymentsAfterApply(t *testing.T) {
	r := open(t, "-- root.yaml --\n"+applicationSet+"-- applications/shop/Chart.yaml --\n")
	app, err := r.App("shop")
	if err != nil {
		t.Fatal(err)
	}
	if ns, _, err := app.Namespace(); ns != "default" || err != nil {
		t.Fatal(ns, err)
	}
	changed := strings.Replace(applicationSet, "default", "shops", 1)
	if err := r.Apply("move", []Change{{Path: "root.yaml", Old: []byte(applicationSet), New: []byte(changed)}}); err != nil {
		t.Fatal(err)
	}
	if ns, _, err := app.Namespace(); ns != "shops" || err != nil {
		t.Fatal(ns, err)
	}
}

// One file system is read by many goroutines at once when files are linted in parallel.
func TestDeploymentsParallel(t *testing.T) {
	fsys := afero.NewReadOnlyFs(memory(t, "-- root.yaml --\n"+applicationSet+"-- applications/shop/Chart.yaml --\n"))
	r, err := Open(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	namespaces := make(chan string)
	for range 8 {
		go func() {
			app, err := r.App("shop")
			if err != nil {
				namespaces <- err.Error()
				return
			}
			ns, _, _ := app.Namespace()
			namespaces <- ns
		}()
	}
	for range 8 {
		if ns := <-namespaces; ns != "default" {
			t.Error(ns)
		}
	}
}

// Generators that multiply end soon.
func TestGeneratorBomb(t *testing.T) {
	list := "{list: {elements: [" + strings.Repeat("{a: b},", 2000) + "]}}"
	generator := "{list: {elements: []}}"
	for range 8 {
		generator = "{matrix: {generators: [" + list + ", " + generator + "]}}"
	}
	files := "{git: {files: [" + strings.Repeat("{path: '**/**/**/**'},", 50) + "]}}"
	archive := "-- applications/shop/a/b/c/d/e/f/g/h/x.yaml --\n-- root.yaml --\n" + applicationSet
	for _, bomb := range []string{generator, files, "{matrix: {generators: [" + files + "," + files + "]}}"} {
		src := strings.Replace(archive, "generators:\n    - git:\n        directories:\n          - path: applications/*\n", "generators: ["+bomb+"]\n", 1)
		app, err := open(t, src).App("shop")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := app.Deployments(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
	}
}

func FuzzDeployments(f *testing.F) {
	archives, _ := filepath.Glob("testdata/deployments/*.txtar")
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		fsys := memory(t, "-- applications/shop/Chart.yaml --\n-- applications/till/kustomization.yaml --\n-- applications/news/x.yaml --\n")
		if err := afero.WriteFile(fsys, "root.yaml", src, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Open(fsys, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"shop", "till", "news"} {
			app, err := r.App(name)
			if err != nil {
				t.Fatal(err)
			}
			deployments, err := app.Deployments()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range deployments {
				if !app.deploys(d.Path, true) || d.Source.File != "root.yaml" || d.Source.Line < 1 {
					t.Errorf("%s: %+v", name, d)
				}
				for _, file := range d.ValueFiles {
					if !fs.ValidPath(file) {
						t.Errorf("value file %q", file)
					}
				}
			}
		}
	})
}

func TestNormalize(t *testing.T) {
	for name, want := range map[string]string{
		"shop": "shop", "My_Shop": "my-shop", "a b.c": "a-b.c", "_x-": "x", strings.Repeat("a", 300): strings.Repeat("a", 253), "": "",
	} {
		if got := normalize(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestNamespaceGenerated: where nothing deploys an application, its overlays and what was generated for it name the namespace.
func TestNamespaceGenerated(t *testing.T) {
	const record = "folder: resources\nplaceholders: {namespace: "
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		all   int
	}{
		"nothing":        {map[string]string{}, "", 0},
		"a record":       {map[string]string{".redis-gitops/generated/shop/redis.yaml": record + "prod}\n"}, "prod", 1},
		"two records":    {map[string]string{".redis-gitops/generated/shop/redis.yaml": record + "prod}\n", ".redis-gitops/generated/shop/redis-b.yaml": record + "prod}\n"}, "prod", 1},
		"they differ":    {map[string]string{".redis-gitops/generated/shop/redis.yaml": record + "prod}\n", ".redis-gitops/generated/shop/redis-b.yaml": record + "blue}\n"}, "", 0},
		"a bad name":     {map[string]string{".redis-gitops/generated/shop/redis.yaml": record + "../x}\n"}, "", 0},
		"broken":         {map[string]string{".redis-gitops/generated/shop/redis.yaml": "{"}, "", 0},
		"of another":     {map[string]string{".redis-gitops/generated/reports/redis.yaml": record + "prod}\n"}, "", 0},
		"overlays":       {map[string]string{"applications/shop/overlays/a/kustomization.yaml": "namespace: blue\n", "applications/shop/overlays/b/kustomization.yaml": "namespace: green\n"}, "blue", 2},
		"overlays first": {map[string]string{"applications/shop/prod/kustomization.yaml": "namespace: blue\n", ".redis-gitops/generated/shop/redis.yaml": record + "prod}\n"}, "blue", 1},
	} {
		mem := afero.NewMemMapFs()
		c.files["applications/shop/deployment.yaml"] = "kind: Deployment\n"
		for file, text := range c.files {
			if err := afero.WriteFile(mem, file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Open(mem, Options{})
		if err != nil {
			t.Fatal(err)
		}
		app, err := r.App("shop")
		if err != nil {
			t.Fatal(err)
		}
		got, at, _ := app.Namespace()
		all, err := app.Namespaces()
		if got != c.want || len(all) != c.all || err != nil || (got != "") != (at.Line > 0) {
			t.Errorf("%s: %q at %v, all %v, %v", name, got, at, all, err)
		}
	}
}
