package repo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/spf13/afero"
)

const apps = `
-- README.md --
-- applications/readme.md --
-- applications/shop/Chart.yaml --
apiVersion: v2
name: shop
-- applications/till/kustomization.yaml --
namespace: tills
-- applications/stock/base/kustomization.yaml --
-- applications/stock/overlays/prod/kustomization.yml --
-- applications/news/overlays/prod/Kustomization --
-- applications/shared-secrets/secret.yaml --
-- applications/Old_App/x.yaml --
-- applications/.hidden/x.yaml --
`

func TestApps(t *testing.T) {
	all, err := open(t, apps).Apps()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		got = append(got, fmt.Sprintf("%s %s %s", a.Name, a.Dir, a.Kind))
	}
	want := `Old_App applications/Old_App plain
news applications/news kustomize
shared-secrets applications/shared-secrets plain
shop applications/shop chart
stock applications/stock kustomize
till applications/till kustomize`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestApp(t *testing.T) {
	r := open(t, apps)
	for _, a := range []string{"shop", "till", "shared-secrets"} {
		app, err := r.App(a)
		if err != nil || app.Name != a || app.Path("values.yaml") != "applications/"+a+"/values.yaml" {
			t.Errorf("%s: %+v, %v", a, app, err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"shp", `application "shp" does not exist; did you mean "shop"?`},
		{"kafka", `application "kafka" does not exist; one of "Old_App", "news", "shared-secrets", "shop", "stock", "till"`},
		{"readme-md", `application "readme-md" does not exist; one of "Old_App", "news", "shared-secrets", "shop", "stock", "till"`},
		{"../platform", `invalid application name "../platform": "." is not allowed; use a-z, 0-9 and "-"`},
	} {
		_, err := r.App(tt.name)
		checkError(t, err, tt.want)
	}
	_, err := open(t, "-- README.md --\n").App("shop")
	checkError(t, err, `application "shop" does not exist; found no applications in applications/*`)
}

// TestAppOf knows the application of a folder, by name alone too.
func TestAppOf(t *testing.T) {
	r := open(t, apps)
	for dir, want := range map[string]string{"applications/shop": "shop", "applications/stock/overlays/prod": "stock", "applications/none/x": "none", "applications": "", "platform/x": "", ".": ""} {
		got := ""
		if app := r.AppOf(dir); app != nil {
			got = app.Name
		}
		if name := r.AppName(dir); got != want || name != want {
			t.Errorf("%s: got %q and %q, want %q", dir, got, name, want)
		}
	}
}

func TestAppLayout(t *testing.T) {
	fsys := memory(t, `
-- teams/a/apps/shop/deploy/Chart.yaml --
-- teams/b/apps/till/deploy/Chart.yaml --
-- teams/b/apps/shop/deploy/Chart.yaml --
-- extra/svc-news/x.yaml --
-- extra/other/x.yaml --
-- single/x.yaml --
`)
	r, err := Open(fsys, Options{Layout: Layout{Applications: []string{"teams/*/apps/*/deploy", "extra/svc-*", "single"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, problem string }{
		{"till", "teams/b/apps/till/deploy", ""},
		{"svc-news", "extra/svc-news", ""},
		{"single", "single", ""},
		{"other", "", `application "other" does not exist; one of "shop", "shop", "single", "svc-news", "till"`},
		{"shop", "", `application "shop" is in 2 directories: teams/a/apps/shop/deploy, teams/b/apps/shop/deploy; narrow layout.applications`},
	} {
		app, err := r.App(tt.name)
		checkError(t, err, tt.problem)
		if app != nil && app.Dir != tt.dir {
			t.Errorf("%s is in %s", tt.name, app.Dir)
		}
	}

	_, err = Open(fsys, Options{Layout: Layout{Applications: []string{"../x", "/x", "a/[", "a/**", "."}, Generators: "a/../b"}})
	checkError(t, err, `layout.applications: "." is not a directory in the repository; use a relative path such as "applications", without ".."
layout.applications: "../x" is not a directory in the repository; use a relative path such as "applications", without ".."
layout.applications: "/x" is not a directory in the repository; use a relative path such as "applications", without ".."
layout.applications: invalid glob "a/**"; use "*", "?" and "[a-z]" in directory names
layout.applications: invalid glob "a/["; use "*", "?" and "[a-z]" in directory names
layout.generators: "a/../b" is not a directory in the repository; use a relative path such as "applications", without ".."`)
}

func TestChartName(t *testing.T) {
	for _, tt := range []struct{ chart, want, problem string }{
		{"apiVersion: v2\nname: shop\n", "shop", ""},
		{"name: \"12\"\n", "12", ""},
		{"apiVersion: v2\n", "", `applications/shop/Chart.yaml:1:1: name: is missing; add "name: shop"`},
		{"# c\nname: 12\n", "", `applications/shop/Chart.yaml:2:7: name: expected a string, found "12"; write "name: shop"`},
		{"name: [a]\n", "", `applications/shop/Chart.yaml:1:7: name: expected a string, found a list; write "name: shop"`},
		{"name:\n", "", `applications/shop/Chart.yaml:1:6: name: expected a string, found nothing; write "name: shop"`},
		{"# c\n", "", `applications/shop/Chart.yaml: name: the file is empty; add "name: shop"`},
		{"name: a\nname: b\n", "", `applications/shop/Chart.yaml:2:1: key "name" is already set at line 1; remove one of the two`},
	} {
		app, err := open(t, "-- applications/shop/Chart.yaml --\n"+tt.chart).App("shop")
		if err != nil {
			t.Fatal(err)
		}
		got, err := app.ChartName()
		checkError(t, err, tt.problem)
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// manyApps writes a Reclaim-the-Stack repository with n applications to the disk.
func manyApps(b *testing.B, n int) *rootfs.FS {
	b.Helper()
	fsys, err := rootfs.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { fsys.Close() })
	write := func(name, data string) {
		if err := afero.WriteFile(fsys, name, []byte(data), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for i := range n {
		dir := fmt.Sprintf("applications/app-%d", i)
		if err := fsys.MkdirAll(dir+"/templates", 0o755); err != nil {
			b.Fatal(err)
		}
		write(dir+"/Chart.yaml", "name: shop\n")
		write(dir+"/values.yaml", "resources: {}\n")
	}
	if err := fsys.MkdirAll("platform-applications", 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 15 {
		write(fmt.Sprintf("platform-applications/p%d.yaml", i), strings.ReplaceAll(application, "NAME", fmt.Sprintf("platform/p%d", i)))
	}
	write("argocd-root.yaml", applicationSet)
	return fsys
}

// The time of Open, App and Namespace must not grow with the number of applications.
func BenchmarkNamespace(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("apps=%d", n), func(b *testing.B) {
			fsys := manyApps(b, n)
			for b.Loop() {
				r, err := Open(fsys, Options{})
				if err != nil {
					b.Fatal(err)
				}
				app, err := r.App("app-3")
				if err != nil {
					b.Fatal(err)
				}
				if ns, _, err := app.Namespace(); ns != "default" || err != nil {
					b.Fatal(ns, err)
				}
			}
		})
	}
}
