package scaffold

import (
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// archetype is an application as people have them, with what generate is to make of it.
type archetype struct {
	repo   *repo.Repo
	config *cue.Config
	files  map[string]string
	head   map[string]string
}

// openArchetype opens a file of testdata/archetypes. Lines "key: value" before the first file are what is expected.
func openArchetype(t *testing.T, file string) *archetype {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &archetype{files: map[string]string{}, head: map[string]string{}}
	mem := afero.NewMemMapFs()
	for _, f := range archive.Files {
		a.files[f.Name] = string(f.Data)
		if err := afero.WriteFile(mem, f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(key, "#") {
			a.head[key] = value
		}
	}
	a.config = config(t, a.files[cue.ConfigFile])
	if a.repo, err = repo.Open(mem, repo.Options{Layout: repo.Layout(a.config.Layout)}); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *archetype) request() ResourceRequest {
	return ResourceRequest{App: a.head["app"], Suffix: a.head["suffix"], Namespace: a.head["namespace"], Auth: Auth{Method: AuthMethod(a.head["auth"])}}
}

// everyTarget returns all that can be rendered, an application's chart with each of its value files.
func everyTarget(t *testing.T, r *repo.Repo, app string) []render.Target {
	t.Helper()
	targets, _, err := render.Targets(r)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := r.App(app); err == nil && a.Kind == repo.Chart {
		more, err := chartTargets(r, a)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, more...)
	}
	return targets
}

func renderAll(t *testing.T, r *repo.Repo, targets []render.Target) (all []*render.Result) {
	t.Helper()
	for _, target := range targets {
		res, err := render.Render(context.Background(), r, target, render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, res)
	}
	return all
}

// contents returns every file of a repository.
func contents(t *testing.T, r *repo.Repo) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := afero.Walk(r.Fs(), ".", func(name string, info fs.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		src, err := afero.ReadFile(r.Fs(), name)
		out[filepath.ToSlash(name)] = string(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameFiles reports files that differ.
func sameFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s:\n%s\nwant\n%s", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left:\n%s", name, got[name])
		}
	}
}

// TestArchetypes generates a Redis in applications that other tools and people made. The containers get its URL wherever the chart reads
// an environment from its values, and nothing else renders differently; where it reads none, what to paste is printed; destroy gives the
// bytes back.
func TestArchetypes(t *testing.T) {
	files, err := filepath.Glob("testdata/archetypes/*.txtar")
	if err != nil || len(files) < 24 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testArchetype(t, openArchetype(t, file)) })
	}
}

func testArchetype(t *testing.T, a *archetype) {
	r, app := a.repo, a.head["app"]
	targets := everyTarget(t, r, app)
	before := renderAll(t, r, targets)
	for _, res := range before {
		for _, p := range res.Problems {
			t.Fatalf("the archetype does not render: %v", p)
		}
	}
	p, err := PlanResource(context.Background(), r, a.config, deps, a.request())
	if want := a.head["refuse"]; want != "" {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want %s", err, want)
		}
		sameFiles(t, contents(t, r), a.files)
		return
	}
	if err == nil {
		err = p.Apply(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.look(t, p)
	own := map[string]bool{}
	for _, f := range p.Files {
		own[f.Path] = f.Action == Create
	}
	after := renderAll(t, r, targets)
	reached := 0
	for i, res := range after {
		for _, problem := range res.Problems {
			t.Errorf("after generate: %v", problem)
		}
		names := map[string]bool{"REDIS_PASSWORD": true, "REDIS_URL": true, "SENTINEL_URL": true, "REDIS_CACHE_URL": true, "SENTINEL_CACHE_URL": true}
		if e := compare(before[i], res, own, names); e != nil {
			t.Errorf("%s renders differently: %v", e.where(), e.problem)
		}
		if a.deployed(targets[i]) {
			reached += a.reached(t, p, res)
		}
	}
	if a.head["next"] == "" && reached == 0 {
		t.Error("no container has the URL")
	}
	again, err := PlanResource(context.Background(), r, a.config, deps, a.request())
	if err != nil || again.Changed() {
		t.Errorf("a second run: %v\n%s", err, again.Diff())
	}
	name := "redis"
	if s := a.head["suffix"]; s != "" {
		name += "-" + s
	}
	p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: app, Name: name})
	if err == nil {
		err = p.Apply(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, contents(t, r), a.files)
}

// look compares a plan with what the archetype expects of it.
func (a *archetype) look(t *testing.T, p *Plan) {
	t.Helper()
	if want := a.head["url"]; want != "" && p.URL != want {
		t.Errorf("URL %s, want %s", p.URL, want)
	}
	if want := a.head["next"]; !strings.Contains(strings.Join(p.Next, "\n"), want) {
		t.Errorf("got the next steps\n%s\nwant %s", strings.Join(p.Next, "\n"), want)
	} else if want == "" && strings.Contains(strings.Join(p.Next, "\n"), "add this") {
		t.Errorf("something is to be pasted:\n%s", strings.Join(p.Next, "\n"))
	}
	if file := a.head["file"]; file != "" && !slices.ContainsFunc(p.Files, func(f FileChange) bool { return f.Path == file && f.Action == Create }) {
		t.Errorf("%s is not created", file)
	}
	rec, err := readRecord(a.repo, a.head["app"], "redis"+map[bool]string{true: "-" + a.head["suffix"]}[a.head["suffix"] != ""])
	if err != nil {
		t.Fatal(err)
	}
	if rec.Key != a.head["key"] {
		t.Errorf("values are under %q, want %q", rec.Key, a.head["key"])
	}
	var places, also []string
	for _, e := range rec.Edits {
		switch {
		case !e.variables():
		case strings.HasSuffix(e.File, "/values.yaml"):
			places = append(places, strings.Join(e.Path, "."))
			if v, _ := lookup(e.File, []byte(read(t, a.repo, e.File)), e.Path...); isMapping(v) != (a.head["form"] == "mapping") {
				t.Errorf("%v is %v", e.Path, v)
			}
		default:
			also = append(also, e.File)
		}
	}
	if got := strings.Join(places, " "); got != strings.TrimPrefix(a.head["place"], "-") {
		t.Errorf("the variables are in %q, want %q\n%s\n%s", got, a.head["place"], strings.Join(p.Notes, "\n"), strings.Join(p.Next, "\n"))
	}
	if got := strings.Join(also, " "); got != a.head["also"] {
		t.Errorf("the variables are in %q too, want %q", got, a.head["also"])
	}
}

func isMapping(v any) bool { _, ok := v.(map[string]any); return ok }

// deployed reports whether a target is about the application, and is no subchart of it.
func (a *archetype) deployed(t render.Target) bool {
	app, err := a.repo.App(a.head["app"])
	return err == nil && app.Dir == t.Dir
}

// reached counts the containers with the URL, and reports a target in which none has it although nothing is to be pasted.
func (a *archetype) reached(t *testing.T, p *Plan, res *render.Result) (n int) {
	t.Helper()
	app, err := a.repo.App(a.head["app"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containersOf(res, app, nil) {
		for _, v := range c.env {
			m, _ := v.(map[string]any)
			if url, _ := m["value"].(string); strings.HasPrefix(keyOf(v), "REDIS_") && url == p.URL {
				n++
			}
		}
	}
	if n == 0 && a.head["next"] == "" {
		t.Errorf("no container has %s:\n%v", p.URL, containersOf(res, app, nil))
	}
	return n
}

// TestArchetypesDiffer keeps the archetypes from being one and the same.
func TestArchetypesDiffer(t *testing.T) {
	files, _ := filepath.Glob("testdata/archetypes/*.txtar")
	seen := map[string]string{}
	for _, file := range files {
		a := openArchetype(t, file)
		var all bytes.Buffer
		for _, name := range sortedKeys(a.files) {
			all.WriteString(name + "\n" + a.files[name])
		}
		if other := seen[all.String()]; other != "" && a.head["auth"] == "" {
			t.Errorf("%s is %s", file, other)
		}
		seen[all.String()] = file
	}
}
