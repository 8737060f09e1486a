package instance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// searchAll holds the search for names against what is found when everything is rendered. It returns how many targets were looked at in
// vain for a name, and how many were passed over.
func searchAll(t *testing.T, open func() *Repository, more ...string) (held, passed int) {
	t.Helper()
	r := open()
	files, err := r.repo.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	targets, _, err := render.TargetsOf(r.repo, files)
	if err != nil {
		t.Fatal(err)
	}
	byDir := map[string][]*Instance{}
	names := slices.Clone(more)
	for _, target := range targets {
		result, err := render.Render(t.Context(), r.repo, target, render.Options{Parsed: &r.parsed})
		if err != nil {
			t.Fatal(err)
		}
		result.AddReleases(r.repo, target, cue.ChartValues)
		for _, in := range Find(r.documents(target, result), r.operators, r.options) {
			byDir[target.Dir] = append(byDir[target.Dir], in)
			names = append(names, in.Name, in.Application, in.Name+"x", "x"+in.Name, in.Name[1:], "rfs-"+in.Name)
			for _, s := range in.Services {
				names = append(names, s.Name, s.Name+"."+s.Namespace, host(s.Name, s.Namespace), host(s.Name, s.Namespace)+".cluster.local")
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	step := max(1, len(names)/60)
	for i := 0; i < len(names); i += step {
		name := names[i]
		holding := map[string]bool{}
		for _, target := range newSearch(r, name, files).holding(targets) {
			holding[target.Dir] = true
		}
		for dir, instances := range byDir {
			if !holding[dir] && slices.ContainsFunc(instances, func(in *Instance) bool { return in.Named(name) || in.Application == name }) {
				t.Errorf("%q is in %s, which is passed over", name, dir)
			}
		}
		held, passed = held+len(holding), passed+len(targets)-len(holding)
	}
	return held, passed
}

// TestSearchCorpus searches public repositories for all names that they have, and for some that they do not.
func TestSearchCorpus(t *testing.T) {
	folders, err := filepath.Glob(corpus + "/*") // none where ../shared is not beside the repository
	if err != nil {
		t.Fatal(err)
	}
	held, passed := 0, 0
	for i, folder := range append(folders, filepath.Join("..", "examples", "devops-repo")) {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() || testing.Short() && i%5 != 0 {
			continue
		}
		h, p := searchAll(t, func() *Repository { return openRepository(t, folder) }, "nosuchname", "redis", "redis-master", "my-redis.default.svc", "1e3", "true", "a")
		held, passed = held+h, passed+p
	}
	t.Logf("%d targets were rendered, %d passed over", held, passed)
	if passed == 0 {
		t.Error("nothing is passed over")
	}
}

// TestSearchRandom searches repositories of charts and manifests whose names are put together at random.
func TestSearchRandom(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	name := func() string {
		return pick("{{ .Chart.Name }}", "{{ .Release.Name }}-a", "{{ .Values.name }}", "cache", `{{ printf "%s-b" .Chart.Name }}`, `{{ include "full" . }}`, `{{ include "full" . | quote }}`,
			`{{ .Values.name | default "fallback" }}`, `{{ .Chart.Name | trunc 3 }}`, `{{ .Values.name | upper | lower }}`, `{{ $n }}`, `{{ $.Chart.Name }}-{{ .Values.name }}`,
			`"{{ .Chart.Name }}\x41"`, `{{ tpl "{{ .Chart.Name }}" . }}`, `!!str {{ .Chart.Name }}`, `{{ replace "a" "b" .Chart.Name }}`, `{{ if .Values.on }}on-{{ end }}x`,
			`{{ .Values.prefix }}{{ .Values.name }}`, `{{ .Release.Namespace }}`, `{{ first .Values.list }}`, `>-`+"\n    folded", `{{ template "full" . }}`, `{{ range .Values.list }}{{ . }}{{ end }}`,
			`{{ "\141bc" }}`, `{{ trimSuffix "t" .Values.name }}`, `{{ with .Values.name }}{{ . }}-{{ $.Chart.Name }}{{ end }}`, `{{ dict "a" .Chart.Name | toJson | quote }}`)
	}
	skipped := 0
	for range 60 {
		fsys := afero.NewMemMapFs()
		put := func(file, text string) {
			if err := afero.WriteFile(fsys, file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 6 {
			dir := fmt.Sprintf("applications/app%d/", i)
			kind := pick("RedisFailover", "RedisFailover", "StatefulSet")
			body := "{{- $n := .Values.name }}\napiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: " + name() + "\nspec: {redis: {replicas: 3}}\n"
			if kind == "StatefulSet" {
				n := name()
				body = "{{- $n := .Values.name }}\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: " + n + "\nspec: {template: {metadata: {labels: {app: x}}, spec: {containers: [{name: redis, image: \"redis:7\"}]}}}\n---\n" +
					"apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name() + "\nspec: {selector: {app: x}, ports: [{port: 6379}]}\n"
			}
			put(dir+"Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: %s%d\nversion: 0.1.0\n", pick("app", "cart", "chart"), i))
			put(dir+"templates/redis.yaml", pick("", "# about app\n\n")+body)
			put(dir+"templates/_helpers.tpl", `{{- define "full" -}}{{ `+pick(`printf "%s-%s" .Chart.Name "full"`, ".Chart.Name", ".Values.name", ".Release.Name", `.Chart.Name | replace "a" "o"`)+" }}{{- end }}\n")
			put(dir+"values.yaml", fmt.Sprintf("name: %s\nprefix: p%d-\non: %s\nlist: [one, two]\n", pick("shop", "\"sh\\x6fp\"", "12", "site"), i, pick("true", "false")))
			if random.IntN(3) == 0 {
				put(fmt.Sprintf("deploy/%d.yaml", i), fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: dep%d}\nspec:\n  destination: {namespace: ns%d}\n  source: {path: applications/app%d, helm: {releaseName: rel%d%s}}\n", i, i, i, i,
					pick("", "", ", values: \"name: inline\"", ", parameters: [{name: name, value: param}]")))
			}
		}
		put("plain/a.yaml", "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: "+pick("plain", `"pl\x61in"`, "!!binary cGxhaW4=")+"}\nspec: {redis: {replicas: 3}}\n")
		put("plain/b/a.yaml", "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: other}\nspec: {redis: {replicas: 3}}\n")
		config, err := cue.LoadConfig(cue.ConfigFile, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, passed := searchAll(t, func() *Repository {
			r, err := repo.Open(fsys, repo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			found, err := Open(t.Context(), r, config)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}, "nosuchname", "shop", "plain", "ab", "app1", "app")
		skipped += passed
		if t.Failed() {
			for i := range 6 {
				for _, file := range []string{"Chart.yaml", "templates/redis.yaml", "templates/_helpers.tpl", "values.yaml"} {
					text, _ := afero.ReadFile(fsys, fmt.Sprintf("applications/app%d/%s", i, file))
					t.Logf("app%d/%s\n%s", i, file, text)
				}
			}
			break
		}
	}
	if skipped < 1000 {
		t.Errorf("%d targets were passed over, which proves little", skipped)
	}
}

// TestSearchUnknown looks for a name in many charts of one template, few of which are rendered for the error.
func TestSearchUnknown(t *testing.T) {
	t.Parallel()
	fsys := afero.NewMemMapFs()
	for i := range 300 {
		dir := fmt.Sprintf("applications/app%d/", i)
		for file, text := range map[string]string{
			"Chart.yaml":           fmt.Sprintf("apiVersion: v2\nname: app%d\nversion: 0.1.0\n", i),
			"templates/redis.yaml": "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: \"{{ .Chart.Name }}-cache\"}\nspec: {redis: {replicas: 3}}\n",
		} {
			if err := afero.WriteFile(fsys, dir+file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Repository {
		r, err := repo.Open(fsys, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		found, err := Open(t.Context(), r, config)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	r := open()
	if _, err := r.Named(t.Context(), "nothing"); err == nil || !strings.HasPrefix(err.Error(), `no Redis "nothing"; one of "app0-cache", "app1-cache", "app10-cache"`) || !strings.Contains(err.Error(), "…") {
		t.Errorf("got %v", err)
	}
	if n := len(r.seen); n > 2*shownNames {
		t.Errorf("%d of 300 charts were rendered", n)
	}
	r = open()
	if _, err := r.Named(t.Context(), "ap299"); err == nil || !strings.Contains(err.Error(), `did you mean "app299"`) {
		t.Errorf("got %v", err)
	}
	r = open()
	found, err := r.Named(t.Context(), "rfs-app17-cache")
	if err != nil || len(found) != 1 || found[0].Name != "app17-cache" {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestDeploysCharts looks for the words of the expression, whatever the kinds are.
func TestDeploysCharts(t *testing.T) {
	t.Parallel()
	matched := 0
	for _, kind := range []string{"Application", "ApplicationSet", "HelmRelease", "HelmChart", "HelmChartConfig", "HelmRepository", "Deployment", "Applicatio"} {
		for _, form := range []string{"kind: %s", "a: 1\n  kind: '%s'\n", "kind:\"%s\"", "kind: %s # x", "# kind: %s", "kind: My%s", "spec: {kind: %s}", "kind:\n  %s"} {
			text := fmt.Appendf(nil, form, kind)
			if got, want := deploysCharts(text), chartKind.Match(text); got != want {
				t.Errorf("%q: got %v", text, got)
			} else if got {
				matched++
			}
		}
	}
	if matched < 16 {
		t.Errorf("%d texts deploy charts", matched)
	}
}

// TestTemplateParts looks at the two parts of a template as at the whole, the first time and later.
func TestTemplateParts(t *testing.T) {
	t.Parallel()
	r, err := repo.Open(afero.NewMemMapFs(), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts := []string{"a: 1\n", "\n", "name: cache\n", "cac", "he\n", "{{ .Values.x }}\n", "kind: Application\n", "kind:\n", "  HelmRelease\n", "chart: redis\n", "x: \"\\", "\\n\"\n", "!", "!str\n", "{", "{ y }}"}
	random := rand.New(rand.NewPCG(1, 2))
	s := newSearch(&Repository{repo: r}, "cache", nil)
	held := 0
	for range 20000 {
		var text strings.Builder
		for range random.IntN(7) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		src := []byte(text.String())
		n, got := s.template(src)
		if want := s.shows(src) || namesChart(src); got != want {
			t.Fatalf("%q: got %v", src, got)
		}
		if key := string(render.ShapesKey(src)); s.bodies[n].text != key || !strings.HasSuffix(text.String(), key) {
			t.Fatalf("%q: the body is %q", src, s.bodies[n].text)
		}
		if got {
			held++
		}
	}
	if held < 1000 || held > 19000 || len(s.bodies) > 15000 {
		t.Errorf("%d texts hold the name, in %d bodies", held, len(s.bodies))
	}
}
