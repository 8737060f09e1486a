package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

const ownURL = "https://github.com/example/devops.git"

func argoApplication(name, source string) string {
	return fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s, namespace: argocd}\nspec:\n  destination: {namespace: default}\n  source: {repoURL: %q, %s}\n---\n", name, ownURL, source)
}

func argoSet(generators, source string) string {
	return fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\nspec:\n  generators:\n%s  template:\n    metadata: {name: x}\n    spec:\n      destination: {namespace: default}\n      source: {repoURL: %q, %s}\n---\n",
		generators, ownURL, source)
}

func gitGenerator(entries string) string {
	return fmt.Sprintf("    - git: {repoURL: %q, %s}\n", ownURL, entries)
}

func fluxPath(name, path string) string {
	return fmt.Sprintf("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %s, namespace: flux-system}\nspec: {path: %q, sourceRef: {kind: GitRepository, name: flux-system}}\n---\n", name, path)
}

func failover(name string) string {
	return fmt.Sprintf("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: %s}\nspec: {}\n", name)
}

// files makes an archive of names and texts by turns. A name that ends in "/" is a directory with a Redis, one that ends in
// "/Chart.yaml" a chart of a Redis where its text is empty.
func files(pairs ...string) []txtar.File {
	var out []txtar.File
	add := func(name, text string) { out = append(out, txtar.File{Name: name, Data: []byte(text)}) }
	for i := 0; i+1 < len(pairs); i += 2 {
		name, text := pairs[i], pairs[i+1]
		dir := filepath.Dir(name)
		switch {
		case strings.HasSuffix(name, "/"):
			add(name+"redis.yaml", failover("redis"))
		case filepath.Base(name) == "Chart.yaml":
			add(name, "apiVersion: v2\nname: "+filepath.Base(dir)+"\nversion: 0.1.0\n"+text)
			add(dir+"/templates/redis.yaml", failover("redis"))
		default:
			add(name, text)
		}
	}
	return out
}

func notDeployed(res *lint.Result) []string {
	var dirs []string
	for _, f := range res.Findings {
		if f.Rule == "layout/not-deployed" {
			dirs = append(dirs, filepath.ToSlash(strings.SplitN(f.Message, `"`, 3)[1]))
		}
	}
	return dirs
}

// TestNotDeployed: what the objects of a repository deploy, in every way to say it. Whatever is not deployed is once an Application
// names it.
func TestNotDeployed(t *testing.T) {
	t.Parallel()
	kustomization := "resources: [redis.yaml]\n"
	for _, test := range []struct {
		name  string
		files []txtar.File
		want  []string
	}{
		{"no deployer", files("a/", "", "b/", ""), nil},
		{"a deployer of another repository", files("argo.yaml", argoApplication("x", "path: elsewhere"), "a/", ""), nil},
		{"a chart of another repository", files("argo.yaml", argoApplication("x", "chart: nginx"), "a/", ""), nil},
		{"Application", files("argo.yaml", argoApplication("x", "path: a"), "a/", "", "b/", ""), []string{"b"}},
		{"sources", files("argo.yaml", strings.Replace(argoApplication("x", "path: a"), "  source: ", "  sources:\n  - {repoURL: x, path: b}\n  - ", 1), "a/", "", "b/", "", "c/", ""), []string{"c"}},
		{"source hydrator", files("argo.yaml", strings.Replace(argoApplication("x", "path: a"), "  source: ", "  sourceHydrator:\n    drySource: ", 1), "a/", "", "b/", ""), []string{"b"}},
		{"subdirectories", files("argo.yaml", argoApplication("x", "path: a"), "a/", "", "a/old/", ""), []string{"a/old"}},
		{"recurse", files("argo.yaml", argoApplication("x", "path: a, directory: {recurse: true, exclude: 'old/*'}"), "a/", "", "a/new/", "", "a/old/", ""), []string{"a/old"}},
		{"include", files("argo.yaml", argoApplication("x", "path: a, directory: {include: 'b.yaml'}")+argoApplication("y", "path: c"), "a/", "", "c/", ""), []string{"a"}},
		{"a root of everything", files("argo.yaml", argoApplication("x", "path: ., directory: {recurse: true}"), "a/", "", "b/c/", ""), nil},
		{"a root of another repository", files("argo.yaml", argoApplication("x", "path: a")+strings.Replace(argoApplication("y", "path: ., directory: {recurse: true}"), "devops", "other", 1), "a/", "", "b/", ""), []string{"b"}},
		{"the same repository by SSH", files("argo.yaml", argoApplication("x", "path: a")+strings.Replace(argoApplication("y", "path: ., directory: {recurse: true}"), ownURL, "git@github.com:Example/devops", 1), "a/", "", "b/", ""), nil},
		{"a plugin", files("argo.yaml", argoApplication("x", "path: a, plugin: {name: x}"), "a/b/", "", "c/", ""), []string{"c"}},
		{"chart and kustomization", files("argo.yaml", argoApplication("x", "path: charts/a")+argoApplication("y", "path: k/a"), "charts/a/Chart.yaml", "", "charts/b/Chart.yaml", "", "k/a/", "", "k/a/kustomization.yaml", kustomization, "k/b/", "", "k/b/kustomization.yaml", kustomization), []string{"charts/b", "k/b"}},
		{"git directories", files("argo.yaml", argoSet(gitGenerator("directories: [{path: apps/*}]"), `path: "{{path}}"`), "apps/a/", "", "b/", "", "apps/a/b/", ""), []string{"apps/a/b", "b"}},
		{"Go template", files("argo.yaml", argoSet(gitGenerator("directories: [{path: apps/*}]"), `path: "{{ .path.path }}/prod"`), "apps/a/prod/", "", "apps/a/dev/", ""), []string{"apps/a/dev"}},
		{"exclude", files("argo.yaml", argoSet(gitGenerator("directories: [{path: apps/*}, {path: apps/old, exclude: true}]"), `path: "{{path}}"`), "apps/a/", "", "apps/old/", ""), []string{"apps/old"}},
		{"git files", files("argo.yaml", argoSet(gitGenerator("files: [{path: config/*.yaml}]"), `path: "apps/{{app}}"`), "config/a.yaml", "app: a\n", "apps/a/", "", "apps/b/", ""), []string{"apps/b"}},
		{"list", files("argo.yaml", argoSet("    - list: {elements: [{app: a}, {app: b}]}\n", `path: "apps/{{app}}"`), "apps/a/", "", "apps/b/", "", "apps/c/", ""), []string{"apps/c"}},
		{"list that is computed", files("argo.yaml", argoApplication("x", "path: x")+argoSet("    - list: {elementsYaml: '{{ .x }}'}\n", `path: "apps/{{app}}"`), "x/", "", "apps/a/", ""), nil},
		{"matrix", files("argo.yaml", argoSet("    - matrix:\n        generators:\n          - list: {elements: [{env: prod}]}\n          - git: {repoURL: x, directories: [{path: 'apps/*'}]}\n", `path: "{{path}}/{{env}}"`), "apps/a/prod/", "", "apps/a/dev/", ""), []string{"apps/a/dev"}},
		{"clusters", files("argo.yaml", argoApplication("x", "path: x")+argoSet("    - clusters: {}\n", `path: "clusters/{{name}}"`), "x/", "", "clusters/a/", "", "y/", ""), []string{"y"}},
		{"pull requests", files("argo.yaml", argoApplication("x", "path: x")+argoSet("    - pullRequest: {github: {}}\n", `path: "{{branch_slug}}"`), "x/", "", "a/", ""), nil},
		{"merge", files("argo.yaml", argoApplication("x", "path: x")+argoSet("    - merge: {mergeKeys: [a], generators: []}\n", `path: "{{a}}"`), "x/", "", "a/", ""), nil},
		{"a generator of another repository", files("argo.yaml", argoApplication("x", "path: x")+argoSet("    - git: {repoURL: other, files: [{path: apps.json}]}\n", `path: "{{dir}}"`), "x/", "", "a/", ""), nil},
		{"a generator without matches", files("argo.yaml", argoApplication("x", "path: x")+argoSet(gitGenerator("directories: [{path: none/*}]"), `path: "{{path}}"`), "x/", "", "a/", ""), []string{"a"}},
		{"a template of a generator", files("argo.yaml", argoSet("    - list: {elements: [{app: a}], template: {metadata: {}, spec: {source: {repoURL: x, path: 'more/{{app}}'}}}}\n", `path: "apps/{{app}}"`), "apps/a/", "", "more/a/", "", "more/b/", ""), []string{"more/b"}},
		{"a patch of the template", files("argo.yaml", strings.Replace(argoSet("    - list: {elements: [{app: a}]}\n", `path: "apps/{{app}}"`), "  template:", "  templatePatch: 'spec: {source: {path: x}}'\n  template:", 1), "apps/a/", "", "b/", ""), nil},
		{"Flux", files("clusters/a.yaml", fluxPath("a", "./apps/a"), "apps/a/x/", "", "apps/b/", ""), []string{"apps/b"}},
		{"Flux with a variable", files("clusters/a.yaml", fluxPath("a", "./apps/a")+fluxPath("b", "./${env}/b"), "apps/a/", "", "prod/b/", "", "prod/c/", ""), []string{"prod/c"}},
		{"Flux from an artifact", files("clusters/a.yaml", fluxPath("a", "./apps/a")+strings.Replace(fluxPath("b", "./prod"), "GitRepository", "OCIRepository", 1), "apps/a/", "", "deploy/prod/", "", "deploy/dev/", ""), []string{"deploy/dev"}},
		{"an overlay", files("argo.yaml", argoApplication("x", "path: o/prod"), "base/", "", "base/kustomization.yaml", kustomization, "o/prod/kustomization.yaml", "resources: [../../base]\n", "o/dev/kustomization.yaml", "resources: [../../base]\n"), []string{"o/dev"}},
		{"a file that no kustomization lists", files("argo.yaml", argoApplication("x", "path: k"), "k/kustomization.yaml", kustomization, "k/", "", "k/old.yaml", failover("old")), []string{"old.yaml"}},
		{"charts of kustomizations", files("argo.yaml", argoApplication("x", "path: k"), "k/kustomization.yaml", "helmGlobals: {chartHome: ../charts}\nhelmCharts: [{name: a}]\n", "charts/a/Chart.yaml", "", "charts/b/Chart.yaml", ""), []string{"charts/b"}},
		{"dependencies", files("argo.yaml", argoApplication("x", "path: charts/a"), "charts/a/Chart.yaml", "dependencies: [{name: b, version: 0.1.0, repository: 'file://../b'}]\n", "charts/b/Chart.yaml", "dependencies: [{name: c, version: 0.1.0, repository: 'file://../c'}]\n", "charts/c/Chart.yaml", "", "charts/d/Chart.yaml", ""), []string{"charts/d"}},
		{"charts by name", files("argo.yaml", argoApplication("x", "path: x")+argoApplication("y", "chart: a"), "x/", "", "charts/a/Chart.yaml", "", "charts/b/Chart.yaml", ""), []string{"charts/b"}},
		{"a library", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "charts/lib/Chart.yaml", "type: library\n"), nil},
		{"what begins it all", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "bootstrap/root.yaml", argoApplication("root", "path: y"), "bootstrap/", ""), nil},
		{"a Makefile", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "a/", "", "b/", "", "Makefile", "up:\n\tkubectl apply -f a\n\tls b\n"), nil},
		{"a script of another directory", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "m/a/", "", "m/b/", "", "up.sh", "kubectl apply -f m/a/\n"), []string{"m/b"}},
		{"a script of all", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "m/a/", "", "up.sh", "for d in m/*; do kubectl apply -f $d; done\n"), nil},
		{"a script that only checks", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "m/a/", "", "ci.sh", "helm template m/a\n"), []string{"m/a"}},
		{"another way to deploy", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "a/", "", "fleet.yaml", "namespace: x\n"), nil},
		{"another object that deploys", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "a/", "", "sync.yaml", "apiVersion: configsync.gke.io/v1beta1\nkind: RootSync\nmetadata: {name: x}\n"), nil},
		{"a chart of Applications that cannot be rendered", files("argo.yaml", argoApplication("x", "path: x"), "x/", "", "a/", "", "apps/Chart.yaml", "", "apps/templates/a.yaml", "{{ fail \"x\" }}\n"+argoApplication("y", "path: a")), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, config := open(t, test.files)
			got := notDeployed(run(t, r, lint.Options{Config: config}))
			if !slices.Equal(got, test.want) {
				t.Fatalf("not deployed: %q, want %q", got, test.want)
			}
			if len(got) == 0 || strings.HasSuffix(got[0], ".yaml") {
				return
			}
			more := slices.Clone(test.files)
			for i, dir := range got {
				more = append(more, txtar.File{Name: fmt.Sprintf("more-%d.yaml", i), Data: []byte(argoApplication(fmt.Sprint("more-", i), "path: "+dir))})
			}
			r, config = open(t, more)
			if got := notDeployed(run(t, r, lint.Options{Config: config})); len(got) > 0 {
				t.Errorf("with an Application of each, not deployed: %q", got)
			}
		})
	}
}

// TestIdle: what nothing deploys takes no part in anything, says so once, and still must not hold a password.
func TestIdle(t *testing.T) {
	t.Parallel()
	client := `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "example/web:1.0.0", env: [{name: REDIS_URL, value: "redis://rfrm-blog.default.svc:6379/0"}]}
`
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: blog, namespace: default}\nstringData: {redis-password: Sw0rdf1sh-0f-Blog}\n"
	archive := func(source string) []txtar.File {
		return []txtar.File{
			{Name: "argo.yaml", Data: []byte(argoApplication("web", "path: web") + argoApplication("blog", source))},
			{Name: "web/web.yaml", Data: []byte(client)},
			{Name: "web/redis.yaml", Data: []byte(failover("web"))},
			{Name: "blog/redis.yaml", Data: []byte("# redis-gitops:ignore mem/no-requests -- small\n" + failover("blog"))},
			{Name: "blog/secret.yaml", Data: []byte(secret)},
		}
	}
	rules := func(files []txtar.File, opts lint.Options) (blog, web []string) {
		r, config := open(t, files)
		opts.Config = config
		for _, f := range run(t, r, opts).Findings {
			switch {
			case f.Suppressed != nil:
			case strings.HasPrefix(f.File, "blog/"):
				blog = append(blog, f.Rule)
			case strings.HasPrefix(f.File, "web/"):
				web = append(web, f.Rule)
			}
		}
		return blog, web
	}
	blog, web := rules(archive("path: blog"), lint.Options{})
	if len(blog) < 4 || slices.Contains(web, "url/unknown-host") {
		t.Fatalf("deployed: %q and %q", blog, web)
	}
	blog, web = rules(archive("path: web"), lint.Options{})
	if want := []string{"layout/not-deployed", "auth/secret-in-plain-text"}; !slices.Equal(blog, want) {
		t.Errorf("not deployed: %q, want %q", blog, want)
	}
	if !slices.Contains(web, "url/unknown-host") {
		t.Errorf("a client of a Redis that nothing deploys: %q", web)
	}
	off := []txtar.File{{Name: cue.ConfigFile, Data: []byte("rules: {layout/not-deployed: {severity: \"off\"}}\n")}}
	for name, opts := range map[string]lint.Options{"off": {}, "disabled": {Disable: []string{"layout/not-deployed"}}} {
		files := archive("path: web")
		if name == "off" {
			files = append(off, files...)
		}
		if blog, web := rules(files, opts); len(blog) < 4 || slices.Contains(blog, "layout/not-deployed") || slices.Contains(web, "url/unknown-host") {
			t.Errorf("%s: %q and %q", name, blog, web)
		}
	}
}

// TestIdleIgnored: a suppression in the configuration of what is not checked is not reported as unused.
func TestIdleIgnored(t *testing.T) {
	t.Parallel()
	r, config := open(t, append(files("argo.yaml", argoApplication("x", "path: a"), "a/", "", "b/", ""),
		txtar.File{Name: cue.ConfigFile, Data: []byte("ignore: [{rule: url/unknown-host, path: b/**, reason: moved}]\n")}))
	for _, f := range run(t, r, lint.Options{Config: config}).Findings {
		if strings.HasPrefix(f.Rule, "suppression/") {
			t.Error(print(t, r, "compact", []*finding.Finding{f}))
		}
	}
}

// TestFaultAS: the directory beside those of the ApplicationSet has one finding.
func TestFaultAS(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "shared", "faults", "lint", "AS")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the faults are not beside the project")
	}
	r, err := repo.Open(afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), root)), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range run(t, r, lint.Options{}).Findings {
		for _, p := range f.Related {
			if strings.HasPrefix(p.File, "deactivated/") {
				t.Errorf("%s is also about %s", f.Rule, p.File)
			}
		}
		if strings.HasPrefix(f.File, "deactivated/") {
			got = append(got, f.Rule+" "+f.Position.String())
		}
	}
	if want := []string{"layout/not-deployed deactivated/b/Chart.yaml:1:1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
