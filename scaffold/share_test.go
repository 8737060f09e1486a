package scaffold

import (
	"context"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// newRepository makes what init and generate application make.
func newRepository(t *testing.T, app string) *repo.Repo {
	t.Helper()
	r, err := repo.Open(afero.NewMemMapFs(), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, r)(PlanInit(t.Context(), r, InitRequest{}))
	apply(t, r)(PlanApplication(r, ApplicationRequest{App: app}))
	return r
}

// apply applies a plan that must have no conflicts.
func apply(t *testing.T, r *repo.Repo) func(*Plan, error) *Plan {
	return func(p *Plan, err error) *Plan {
		t.Helper()
		if err == nil {
			err = p.Apply(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// rendered returns what each template of an application renders to, which must not fail.
func rendered(t *testing.T, r *repo.Repo, dir string) map[string]string {
	t.Helper()
	res, err := render.Render(context.Background(), r, render.Target{Dir: dir, Kind: repo.Chart}, render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Fatalf("the chart does not render: %v", p)
	}
	return res.Texts()
}

func deployment(t *testing.T, r *repo.Repo, typ, name string) {
	t.Helper()
	apply(t, r)(PlanDeployment(context.Background(), r, DeploymentRequest{App: "shop", Type: typ, Name: name}))
}

func TestDestroyKeepsWhatIsShared(t *testing.T) {
	r := newRepository(t, "shop")
	before := read(t, r, "applications/shop/values.yaml")
	deployment(t, r, "sidekiq", "")
	deployment(t, r, "web", "")
	destroy(t, r, "deployment-sidekiq")
	if v := read(t, r, "applications/shop/values.yaml"); !strings.Contains(v, "image: shop:latest") {
		t.Errorf("web lost its image:\n%s", v)
	}
	rendered(t, r, "applications/shop")
	destroy(t, r, "deployment-web")
	if v := read(t, r, "applications/shop/values.yaml"); v != before {
		t.Errorf("got\n%s\nwant\n%s", v, before)
	}
}

// TestDestroyKeepsWhatATemplateReads: the image in hand-written templates, a helper, a value file, a library chart.
func TestDestroyKeepsWhatATemplateReads(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"template": {"templates/job.yaml": "kind: Job\nimage: {{ .Values.image }}\n"},
		"with":     {"templates/job.yaml": "kind: Job\n{{ with .Values }}image: {{ .image }}{{ end }}\n"},
		"index":    {"templates/job.yaml": "kind: Job\nimage: {{ index .Values \"image\" }}\n"},
		"computed": {"templates/job.yaml": "{{ $k := \"image\" }}kind: Job\nimage: {{ index .Values $k }}\n"},
		"helper": {
			"templates/_helpers.tpl": "{{ define \"shop.image\" }}{{ $.Values.image }}{{ end }}",
			"templates/job.yaml":     "kind: Job\nimage: {{ include \"shop.image\" . }}\n",
		},
		"values handed on": {
			"templates/_helpers.tpl": "{{ define \"shop.image\" }}{{ .image }}{{ end }}",
			"templates/job.yaml":     "kind: Job\nimage: {{ include \"shop.image\" .Values }}\n",
		},
		"value file": {
			"values-production.yaml": "container: \"{{ .Values.image }}\"\n",
			"templates/job.yaml":     "kind: Job\nimage: {{ tpl (default \"x\" .Values.container) . }}\n",
		},
		"library": {
			"charts/base/Chart.yaml":              "apiVersion: v2\nname: base\nversion: 1.0.0\ntype: library\n",
			"charts/base/templates/_image.tpl":    "{{ define \"base.image\" }}{{ .Values.image }}{{ end }}",
			"templates/job.yaml":                  "kind: Job\nimage: {{ include \"base.image\" . }}\n",
			"charts/other/Chart.yaml":             "apiVersion: v2\nname: other\nversion: 1.0.0\n",
			"charts/other/templates/_helpers.tpl": "{{ define \"other.x\" }}{{ .Values.x }}{{ end }}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t, "shop")
			deployment(t, r, "sidekiq", "")
			for f, text := range files {
				write(t, r, "applications/shop/"+f, text)
			}
			p := destroy(t, r, "deployment-sidekiq")
			if v := read(t, r, "applications/shop/values.yaml"); !strings.Contains(v, "image: shop:latest") {
				t.Errorf("the image is gone:\n%s", v)
			}
			if !strings.Contains(strings.Join(p.Notes, "\n"), "image stays, because applications/shop/") {
				t.Errorf("nothing says why it stays: %q", p.Notes)
			}
			rendered(t, r, "applications/shop")
		})
	}
	// A subchart's own image is another one.
	r := newRepository(t, "shop")
	deployment(t, r, "sidekiq", "")
	write(t, r, "applications/shop/charts/other/Chart.yaml", "apiVersion: v2\nname: other\nversion: 1.0.0\n")
	write(t, r, "applications/shop/charts/other/templates/job.yaml", "kind: Job\nimage: {{ .Values.image }}\n")
	destroy(t, r, "deployment-sidekiq")
	if v := read(t, r, "applications/shop/values.yaml"); strings.Contains(v, "image:") {
		t.Errorf("the image stays:\n%s", v)
	}
}

// TestDestroySharedEntries: entries and items that two generators share, and records that do not know what they found.
func TestDestroySharedEntries(t *testing.T) {
	generator := func(name string) string {
		return "# Example values.yaml:\n# image: shop:1\n# resources:\n#   %{camelName}:\n#     size: 1\n#   common:\n#     zone: a\n# envFrom:\n#   - { secretRef: { name: all } }\n" +
			"# env:\n#   - { name: LOG, value: info }\n#   # of this one\n#   - { name: " + strings.ToUpper(name) + ", value: x }\n\n" +
			"kind: Thing\nimage: {{ .Values.image }}\nsize: {{ .Values.resources.%{camelName}.size }}\nzone: {{ .Values.resources.common.zone }}\n"
	}
	for _, order := range [][]string{{"one", "two", "three"}, {"three", "two", "one"}, {"two", "one", "three"}, {"two", "three", "one"}} {
		for values, text := range valuesFiles {
			t.Run(fmt.Sprint(order, values), func(t *testing.T) {
				r := shop(t, text)
				for _, typ := range []string{"one", "two", "three"} {
					write(t, r, "generators/resources/"+typ+".yaml", generator(typ))
					generate(t, r, ResourceRequest{App: "shop", Type: typ})
				}
				for i, name := range order {
					destroy(t, r, name)
					v := read(t, r, "applications/shop/values.yaml")
					if left := len(order) - i - 1; left > 0 && (strings.Count(v, "LOG") != 1 || !strings.Contains(v, "secretRef") || !strings.Contains(v, "common") || !strings.Contains(v, "image: shop:1")) {
						t.Fatalf("after %s:\n%s", name, v)
					}
				}
				if v := read(t, r, "applications/shop/values.yaml"); v != text {
					t.Errorf("got\n%q\nwant\n%q", v, text)
				}
			})
		}
	}
	// Records of an older version have no shared edits.
	r := newRepository(t, "shop")
	deployment(t, r, "sidekiq", "")
	deployment(t, r, "web", "")
	file := recordPath("shop", "deployment-web")
	rec := read(t, r, file)
	at := strings.Index(rec, "  - file: applications/shop/values.yaml\n    path: []\n")
	end := strings.Index(rec, "    shared: true\n")
	if at < 0 || end < at {
		t.Fatalf("no shared edit in\n%s", rec)
	}
	write(t, r, file, rec[:at]+rec[end+len("    shared: true\n"):])
	destroy(t, r, "deployment-sidekiq")
	rendered(t, r, "applications/shop")
}

// TestRandomCommands: whatever is generated and destroyed, what is left renders as before, and the last destroy gives
// the file back to the byte.
func TestRandomCommands(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(5, 6))
	names := slices.Sorted(maps.Keys(valuesFiles))
	for round := range 60 {
		r := newRepository(t, "shop")
		values := valuesFiles[names[round%len(names)]]
		write(t, r, "applications/shop/values.yaml", values)
		c := config(t, "operator:\n  namespace: redis-operator\n")
		there := map[string]bool{}
		var log []string
		for range 12 {
			choices := []string{"redis", "redis-cache", "redis-a", "deployment-web", "deployment-sidekiq", "deployment-web-2"}
			name := choices[random.IntN(len(choices))]
			var p *Plan
			var err error
			before := rendered(t, r, "applications/shop")
			kind, isDeployment := strings.CutPrefix(name, "deployment-")
			switch {
			case there[name] && random.IntN(2) == 0:
				log = append(log, "destroy "+name)
				p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: name})
				delete(there, name)
			case isDeployment:
				log = append(log, "generate "+name)
				typ, _, _ := strings.Cut(kind, "-")
				p, err = PlanDeployment(context.Background(), r, DeploymentRequest{App: "shop", Type: typ, Name: kind})
				there[name] = true
			default:
				log = append(log, "generate "+name)
				p, err = PlanResource(context.Background(), r, c, deps, ResourceRequest{App: "shop", Suffix: strings.TrimPrefix(strings.TrimPrefix(name, "redis"), "-")})
				there[name] = true
			}
			if err == nil {
				err = p.Apply(r)
			}
			if err != nil {
				t.Fatalf("%v: %v", log, err)
			}
			for file, text := range rendered(t, r, "applications/shop") {
				if was, ok := before[file]; ok && strings.Contains(file, "redis") && was != text {
					t.Fatalf("%v: %s rendered\n%s\nand now\n%s", log, file, was, text)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(there)) {
			destroy(t, r, name)
			log = append(log, "destroy "+name)
		}
		if v := read(t, r, "applications/shop/values.yaml"); v != values {
			t.Fatalf("%s: %v:\n%q\nwant\n%q", names[round%len(names)], log, v, values)
		}
	}
}

// TestDestroyAfterAComment: the entry before ends in a comment, into which {} must not be put back.
func TestDestroyAfterAComment(t *testing.T) {
	for name, values := range valuesFiles {
		r := newRepository(t, "shop")
		write(t, r, "applications/shop/values.yaml", values)
		c := config(t, "operator:\n  namespace: redis-operator\n")
		do := func(p *Plan, err error) {
			t.Helper()
			if err == nil {
				err = p.Apply(r)
			}
			if err != nil {
				t.Fatal(name, err)
			}
		}
		generate := func(suffix string) {
			do(PlanResource(context.Background(), r, c, deps, ResourceRequest{App: "shop", Suffix: suffix}))
		}
		for _, suffix := range []string{"", "a", "cache"} {
			generate(suffix)
		}
		destroy(t, r, "redis")
		generate("")
		destroy(t, r, "redis-cache")
		generate("cache")
		for _, name := range []string{"redis-a", "redis-cache", "redis"} {
			destroy(t, r, name)
		}
		if v := read(t, r, "applications/shop/values.yaml"); v != values {
			t.Errorf("%s: %q, want %q", name, v, values)
		}
	}
}

func TestDestroyDeploymentBesideARedis(t *testing.T) {
	r := newRepository(t, "shop")
	deployment(t, r, "web", "")
	generate(t, r, ResourceRequest{App: "shop"})
	destroy(t, r, "deployment-web")

	deployment(t, r, "web", "")
	write(t, r, "platform/routes.yaml", "url: http://shop-web.default.svc\n")
	if _, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "deployment-web"}); err == nil ||
		!strings.Contains(err.Error(), "platform/routes.yaml:1:13: still refers to shop-web; change it first, or use --force") {
		t.Errorf("got %v", err)
	}
}

// TestDestroyReferences: what another template or value file reads of a resource's values, and names that are built.
func TestDestroyReferences(t *testing.T) {
	for _, tt := range []struct{ file, text, want string }{
		{"templates/alerts.yaml", "kind: Alert\nmemory: {{ .Values.resources.redis.memory }}\n", "templates/alerts.yaml:2:12: still refers to .Values.resources.redis.memory; change it first, or use --force"},
		{"templates/alerts.yaml", "kind: Alert\n{{ with .Values.resources }}memory: {{ .redis.memory }}{{ end }}\n", "still refers to .Values.resources.redis.memory"},
		{"templates/alerts.yaml", "kind: Alert\n{{ $r := index .Values \"resources\" \"redis\" }}\nmemory: {{ $r.memory }}\n", "still refers to .Values.resources.redis"},
		{"templates/alerts.yaml", "kind: Alert\n{{ toYaml .Values.resources.redis }}\n", "still refers to .Values.resources.redis"},
		{"values-production.yaml", "size: \"{{ .Values.resources.redis.memory }}\"\n", "values-production.yaml:1:11: still refers to .Values.resources.redis.memory"},
		{"templates/alerts.yaml", "kind: Alert\nhost: {{ .Chart.Name }}-redis-master\n", "still refers to shop-redis-master"},
		{"templates/alerts.yaml", "kind: Alert\nhost: {{ .Chart.Name }}-cache-redis-master\n", ""},
		{"templates/alerts.yaml", "kind: Alert\nmemory: {{ .Values.resources.redisCache.memory }}\n", ""},
		{"templates/alerts.yaml", "kind: Alert\n# {{ .Values.resources.redis.memory }}\n", "still refers to"}, // a comment of YAML is run by Helm
	} {
		r := newRepository(t, "shop")
		generate(t, r, ResourceRequest{App: "shop"})
		generate(t, r, ResourceRequest{App: "shop", Suffix: "cache"})
		write(t, r, "applications/shop/"+tt.file, tt.text)
		p, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "redis"})
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%s: %v", tt.text, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		case len(p.Conflicts) == 0:
			t.Errorf("%s: no conflict in the plan", tt.text)
		}
	}
}

// TestSaid: what a request asks for and does not get is reported.
func TestSaid(t *testing.T) {
	r := newRepository(t, "shop")
	deployment(t, r, "web", "")
	p := apply(t, r)(PlanDeployment(t.Context(), r, DeploymentRequest{App: "shop", Type: "sidekiq", Image: "registry.example/shop:2"}))
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "values.yaml:1:8: image is kept, so registry.example/shop:2 has no effect") {
		t.Errorf("notes: %s", notes)
	}
	p = apply(t, r)(PlanDeployment(t.Context(), r, DeploymentRequest{App: "shop", Type: "sidekiq", Name: "worker", Image: "shop:latest"}))
	if len(p.Notes) > 0 {
		t.Errorf("notes: %s", p.Notes)
	}
	generate(t, r, ResourceRequest{App: "shop"})
	p = apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Namespace: "prod", Conflicts: Keep}))
	if p.URL != "" || !strings.Contains(strings.Join(p.Notes, "\n"), "keeps another URL than redis://shop-redis-master.prod.svc:6379") {
		t.Errorf("URL %s, notes %s", p.URL, p.Notes)
	}
	for ignore, want := range map[string]bool{"node_modules\n": false, ".redis-gitops/\n": true, ".*\n": true, ".*\n!.redis-gitops/\n": false, "/.redis-gitops/generated/**\n": true, "# .redis-gitops\n": false} {
		ignoring := shop(t, "resources: {}\nenv: []\n")
		write(t, ignoring, ".gitignore", ignore)
		p := generate(t, ignoring, ResourceRequest{App: "shop"})
		if got := strings.Contains(strings.Join(p.Notes, "\n"), "is ignored by Git"); got != want {
			t.Errorf("%q: notes %q", ignore, p.Notes)
		}
	}
	empty := shop(t, "")
	if _, err := PlanDeployment(t.Context(), empty, DeploymentRequest{App: "shop", Type: "web"}); err == nil || strings.Contains(err.Error(), "one of ") {
		t.Errorf("got %v", err)
	}
}
