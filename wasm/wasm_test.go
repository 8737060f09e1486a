package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// noise is chance that is the same each time.
type noise struct{}

func (noise) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 7)
	}
	return len(p), nil
}

func session() *Session {
	return NewSession(Options{Version: "test", Deps: func() scaffold.Deps { return scaffold.Deps{Random: noise{}, Now: day} }})
}

// ask calls and decodes the answer, of which either part may be what is wanted.
func ask[T any](t *testing.T, s *Session, name string, request any) (T, []Problem) {
	t.Helper()
	in, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Result T
		Error  *failure
	}
	answer := s.Run(t.Context(), name, in, nil)
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%s: %v in %s", name, err, answer)
	}
	if out.Error == nil {
		return out.Result, nil
	}
	if out.Error.Panic != "" {
		t.Fatalf("%s: %v\n%s", name, out.Error.Problems, out.Error.Panic)
	}
	return out.Result, out.Error.Problems
}

// must calls and takes no error.
func must[T any](t *testing.T, s *Session, name string, request any) T {
	t.Helper()
	out, wrong := ask[T](t, s, name, request)
	if wrong != nil {
		t.Fatalf("%s: %+v", name, wrong)
	}
	return out
}

// folder reads a repository on disk as the page does.
func folder(t testing.TB, dir string) []File {
	t.Helper()
	var files []File
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(rel), Text: string(src)}
		if !utf8.Valid(src) {
			f.Text, f.Base64 = "", src
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const exampleDir = "../examples/devops-repo"

func example(t *testing.T) *Session {
	t.Helper()
	s := session()
	must[opened](t, s, "open", openRequest{Files: folder(t, exampleDir)})
	return s
}

func TestOpen(t *testing.T) {
	s := session()
	got := must[opened](t, s, "open", openRequest{Files: folder(t, exampleDir)})
	var names []string
	for _, a := range got.Applications {
		names = append(names, a.Name+" "+a.Kind)
	}
	if want := "payments chart, reports kustomize, shop chart"; strings.Join(names, ", ") != want {
		t.Errorf("applications %q, want %q", strings.Join(names, ", "), want)
	}
	if len(got.Problems) > 0 || got.Operator != "spotahome" || !strings.Contains(strings.Join(got.Resources, " "), "redis") {
		t.Errorf("%+v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		files      []File
	}{
		{"parent", "is outside the repository", []File{{Path: "../x"}}},
		{"inner parent", "is outside the repository", []File{{Path: "a/../../x"}}},
		{"absolute", "is outside the repository", []File{{Path: "/etc/passwd"}}},
		{"backslash", "is outside the repository", []File{{Path: `..\x`}}},
		{"drive", "is outside the repository", []File{{Path: "c:/x"}}},
		{"empty", "is outside the repository", []File{{Path: ""}}},
		{"twice", "twice", []File{{Path: "a"}, {Path: "a"}}},
		{"file and folder", "folder", []File{{Path: "a/b"}, {Path: "a"}}},
		{"many", "too many", make([]File, maxFiles+1)},
		{"large", "MiB", []File{{Path: "a", Text: strings.Repeat("x", maxBytes+1)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, wrong := ask[any](t, session(), "open", openRequest{Files: tt.files})
			if len(wrong) == 0 || !strings.Contains(wrong[0].Message, tt.want) {
				t.Errorf("got %+v, want %q", wrong, tt.want)
			}
		})
	}
}

// A broken configuration is told, and the rest of the page still works.
func TestBrokenConfiguration(t *testing.T) {
	s := session()
	got := must[opened](t, s, "open", openRequest{Files: []File{{Path: ".redis-gitops.yaml", Text: "strct: true\n"}}})
	if len(got.Problems) != 1 || got.Problems[0].Line != 1 || !strings.Contains(got.Problems[0].Message, "strict") {
		t.Errorf("%+v", got.Problems)
	}
	must[linted](t, s, "lint", lintRequest{})
}

func TestRequests(t *testing.T) {
	for _, tt := range []struct{ name, request, want string }{
		{"lnt", "{}", `did you mean "lint"`},
		{"lint", "{", "cannot be read"},
		{"lint", `{"paht": []}`, "paht"},
		{"report", `{"format": "jsn"}`, `"json"`},
		{"report", `{"format": "json"}`, "lint first"},
		{"plan", `{"kind": "resorce", "app": "shop"}`, `"resource"`},
		{"plan", `{"kind": "resource", "app": "shop", "onConflict": "x"}`, "keep, replace or, for an update, merge"},
	} {
		var out answer
		if err := json.Unmarshal(session().Run(t.Context(), tt.name, []byte(tt.request), nil), &out); err != nil {
			t.Fatal(err)
		}
		if out.Error == nil || !strings.Contains(out.Error.Problems[0].Message, tt.want) {
			t.Errorf("%s %s: got %+v, want %q", tt.name, tt.request, out.Error, tt.want)
		}
	}
}

func TestPanicIsAMessage(t *testing.T) {
	s := session()
	s.repo = nil
	var out answer
	if err := json.Unmarshal(s.Run(t.Context(), "lint", []byte("{}"), nil), &out); err != nil {
		t.Fatal(err)
	}
	if out.Error == nil || out.Error.Panic == "" || !strings.Contains(out.Error.Problems[0].Message, "report it") {
		t.Errorf("%+v", out)
	}
}

type reportJSON struct {
	Findings []struct {
		Rule, File, Severity string
		Fixable              bool
		Suppressed           any
	}
	Summary struct{ Resources, Errors, Warnings int }
}

func parsed(t *testing.T, l linted) (r reportJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(l.Report), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLint(t *testing.T) {
	s := example(t)
	var told []Progress
	in, _ := json.Marshal(lintRequest{})
	s.Run(t.Context(), "lint", in, func(p Progress) { told = append(told, p) })
	if len(told) == 0 || told[len(told)-1].Done != told[len(told)-1].Total {
		t.Errorf("progress %+v", told)
	}
	if r := parsed(t, must[linted](t, s, "lint", lintRequest{})); r.Summary.Errors > 0 || r.Summary.Resources == 0 {
		t.Errorf("the example: %+v", r)
	}
	if text := must[string](t, s, "report", reportRequest{"markdown"}); !strings.Contains(text, "|") && !strings.Contains(text, "#") {
		t.Errorf("markdown: %s", text)
	}
	if text := must[string](t, s, "report", reportRequest{"sarif"}); !json.Valid([]byte(text)) {
		t.Errorf("sarif: %s", text)
	}
	must[opened](t, s, "files", filesRequest{Changes: []changedFile{{Path: "applications/bad/bad.yaml", New: redisWithout}}})
	before := parsed(t, must[linted](t, s, "lint", lintRequest{}))
	fixable := 0
	for _, f := range before.Findings {
		if f.Fixable && f.Suppressed == nil {
			fixable++
		}
	}
	if before.Summary.Errors+before.Summary.Warnings == 0 || fixable == 0 {
		t.Fatalf("nothing is wrong with a Redis without anything: %+v", before)
	}
	dry := must[fixed](t, s, "fix", fixRequest{})
	if dry.Done == 0 || !strings.Contains(dry.Diff, "+++ b/") {
		t.Fatalf("%+v", dry)
	}
	if again := parsed(t, must[linted](t, s, "lint", lintRequest{})); len(again.Findings) != len(before.Findings) {
		t.Error("a fix that is only shown changed something")
	}
	if _, wrong := ask[fixed](t, s, "fix", fixRequest{Apply: true, Plan: "other"}); len(wrong) == 0 {
		t.Error("fixes that were not shown were applied")
	}
	must[fixed](t, s, "fix", fixRequest{Apply: true, Plan: dry.ID})
	if after := parsed(t, must[linted](t, s, "lint", lintRequest{})); len(after.Findings) >= len(before.Findings) {
		t.Errorf("%d findings before and %d after the fixes", len(before.Findings), len(after.Findings))
	}
}

const redisWithout = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: bad
spec:
  sentinel:
    replicas: 2
  redis:
    replicas: 1
    customConfig:
      - maxmemory-policy  volatile-lru
`

// A lint tells what it finds while it goes on, and all of it is in the report at the end.
func TestLintTellsEarly(t *testing.T) {
	s := session()
	files := folder(t, exampleDir)
	for _, app := range []string{"a", "b", "c"} {
		files = append(files, File{Path: "applications/" + app + "/redis.yaml", Text: redisWithout})
	}
	must[opened](t, s, "open", openRequest{Files: files})
	type place struct {
		Rule, File, Message string
		Line                int
	}
	var early []place
	last := 0
	answer := s.Run(t.Context(), "lint", []byte("{}"), func(p Progress) {
		if p.Done != last+1 {
			t.Errorf("%d of %d after %d", p.Done, p.Total, last)
		}
		last = p.Done
		if p.Found != "" {
			var r struct{ Findings []place }
			if err := json.Unmarshal([]byte(p.Found), &r); err != nil {
				t.Fatal(err)
			}
			early = append(early, r.Findings...)
		}
	})
	var out struct{ Result linted }
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	var all struct{ Findings []place }
	if err := json.Unmarshal([]byte(out.Result.Report), &all); err != nil {
		t.Fatal(err)
	}
	if len(early) == 0 || len(early) >= len(all.Findings) {
		t.Errorf("%d findings came early, of %d", len(early), len(all.Findings))
	}
	for _, f := range early {
		if !slices.Contains(all.Findings, f) {
			t.Errorf("%+v came early and is not in the report", f)
		}
	}
}

func TestPlan(t *testing.T) {
	s := example(t)
	for _, tt := range []struct {
		name     string
		request  planRequest
		file     string
		commands string
	}{
		{"resource", planRequest{Kind: "resource", App: "shop", Suffix: "jobs", Profile: "queue", Set: map[string]string{"memory": "1Gi"}},
			"applications/shop/templates/redis-jobs.yaml", "redis-gitops generate resource shop redis --suffix jobs --profile queue --set memory=1Gi"},
		{"new application", planRequest{Kind: "resource", App: "blog", NewApp: true},
			"applications/blog/templates/redis.yaml", "redis-gitops generate application blog\nredis-gitops generate resource blog redis"},
		{"application", planRequest{Kind: "application", App: "blog", Kustomize: true},
			"applications/blog/kustomization.yaml", "redis-gitops generate application blog --kustomize"},
		{"deployment", planRequest{Kind: "deployment", App: "shop", Type: "web", Name: "admin", Image: "a b"},
			"applications/shop/templates/deployment-admin.yaml", "redis-gitops generate deployment shop web --name admin --image 'a b'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := must[planned](t, s, "plan", tt.request)
			found := false
			for _, f := range got.Files {
				found = found || f.Path == tt.file && f.Action == scaffold.Create && f.New != ""
			}
			if !found || !strings.Contains(got.Diff, tt.file) {
				t.Errorf("no %s in %+v", tt.file, got.Files)
			}
			if commands := strings.Join(got.Commands, "\n"); commands != tt.commands {
				t.Errorf("commands %q, want %q", commands, tt.commands)
			}
			for _, strict := range []bool{false, true} {
				tt.request.Strict = strict
				checked := must[linted](t, s, "check", tt.request)
				if len(checked.Failures) > 0 {
					t.Fatalf("%+v", checked.Failures)
				}
				if r := parsed(t, checked); !strict && tt.request.Kind == "resource" && r.Summary.Errors > 0 {
					t.Errorf("what we scaffold does not pass: %+v", r.Findings)
				}
			}
		})
	}
}

func TestPlanEnv(t *testing.T) {
	s := example(t)
	for _, tt := range []struct {
		auth string
		want string // names of the entries
	}{{"", "REDIS_X_URL SENTINEL_X_URL"}, {"existing", "REDIS_X_PASSWORD REDIS_X_URL SENTINEL_X_URL"}} {
		got := must[planned](t, s, "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: tt.auth})
		var names []string
		for _, e := range got.Env {
			if !strings.HasPrefix(e, "- ") {
				t.Errorf("%q is no entry", e)
			}
			_, name, _ := strings.Cut(e, "name: ")
			names = append(names, strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })[0])
		}
		if strings.Join(names, " ") != tt.want {
			t.Errorf("auth %q: %q, want %s", tt.auth, got.Env, tt.want)
		}
	}
}

func TestPlanConflict(t *testing.T) {
	s := example(t)
	request := planRequest{Kind: "resource", App: "shop", Set: map[string]string{"memory": "3Gi"}}
	got := must[planned](t, s, "plan", request)
	if len(got.Conflicts) == 0 {
		t.Fatalf("%+v", got)
	}
	if _, wrong := ask[planned](t, s, "apply", applyRequest{request, got.ID}); len(wrong) == 0 || len(must[planned](t, s, "plan", request).Conflicts) == 0 {
		t.Error("a plan with conflicts was applied")
	}
	request.OnConflict = "replace"
	got = must[planned](t, s, "plan", request)
	if got = must[planned](t, s, "apply", applyRequest{request, got.ID}); len(got.Conflicts) > 0 {
		t.Fatalf("%+v", got.Conflicts)
	}
	if got = must[planned](t, s, "plan", request); got.Diff != "" {
		t.Errorf("a second run changes something:\n%s", got.Diff)
	}
}

// What is applied is the plan that was shown: not that of another form, of another repository, or one with another password.
func TestApplyIsWhatWasShown(t *testing.T) {
	request := planRequest{Kind: "resource", App: "shop", Suffix: "x"}
	other := planRequest{Kind: "resource", App: "reports", Suffix: "x"}
	for _, tt := range []struct {
		name   string
		before func(s *Session)
		asked  planRequest
		ok     bool
	}{
		{"the same", func(*Session) {}, request, true},
		{"after another plan", func(s *Session) { must[planned](t, s, "plan", other) }, request, true},
		{"strict mode is about the check", func(*Session) {}, planRequest{Kind: "resource", App: "shop", Suffix: "x", Strict: true}, true},
		{"a program that was started again", func(s *Session) { must[opened](t, s, "open", openRequest{Files: folder(t, exampleDir)}) }, request, true},
		{"another form", func(*Session) {}, other, false},
		{"another repository", func(s *Session) {
			must[opened](t, s, "files", filesRequest{Changes: []changedFile{{Path: "applications/shop/values.yaml", New: "resources: {}\n"}}})
		}, request, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := example(t)
			id := must[planned](t, s, "plan", request).ID
			tt.before(s)
			got, wrong := ask[planned](t, s, "apply", applyRequest{tt.asked, id})
			if ok := len(wrong) == 0; ok != tt.ok || ok && got.ID != id {
				t.Errorf("applied: %v, want %v; %+v", ok, tt.ok, wrong)
			}
			if !tt.ok && !strings.Contains(wrong[0].Message, "has changed since") {
				t.Errorf("%+v", wrong)
			}
		})
	}
}

func TestPlanProblems(t *testing.T) {
	_, wrong := ask[any](t, example(t), "plan", planRequest{Kind: "resource", App: "shp", Set: map[string]string{"memory": "1G1"}})
	if len(wrong) == 0 || !strings.Contains(wrong[0].Message, "shop") {
		t.Errorf("%+v", wrong)
	}
}

// A password that is made here stands in no answer in plain text.
func TestSecretsStayOut(t *testing.T) {
	got := must[planned](t, example(t), "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "existing", Secret: "shop-redis"})
	if !strings.Contains(got.URL, "$(REDIS_PASSWORD)") && !strings.Contains(got.URL, "$(REDIS_X_PASSWORD)") {
		t.Errorf("URL %q", got.URL)
	}
}

func TestInstances(t *testing.T) {
	got := must[found](t, example(t), "instances", empty{})
	var names []string
	for _, in := range got.Instances {
		names = append(names, in.Application+"/"+in.Name)
		if in.Memory == "" || in.Watchers != 3 || in.Clients["url"] == "" || len(in.Sentinels) == 0 || len(in.UsedBy) == 0 && in.Application != "reports" {
			t.Errorf("%s: memory %q, persistence %q, used by %v, %v", in.Name, in.Memory, in.Persistence, in.UsedBy, in.Clients)
		}
	}
	if want := "payments/payments, reports/reports, shop/shop, shop/shop-cache"; strings.Join(names, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(names, ", "), want)
	}
}

// TestInstancesOfCharts: a chart that the repository only names is a Redis of the page, with what its values say, and an answer of assess.
func TestInstancesOfCharts(t *testing.T) {
	s := session()
	must[opened](t, s, "open", openRequest{Files: []File{{Path: "argocd/shop.yaml", Text: "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  destination: {namespace: web}\n  source:\n" +
		"    repoURL: registry-1.docker.io/bitnamicharts\n    chart: redis\n    targetRevision: 20.1.0\n    helm: {valuesObject: {sentinel: {enabled: true}, replica: {resources: {limits: {memory: 1Gi}}, persistence: {size: 2Gi}}}}\n"}}})
	got := must[found](t, s, "instances", empty{})
	if len(got.Instances) != 1 {
		t.Fatalf("%+v", got)
	}
	in := got.Instances[0]
	if in.Kind != "Chart" || in.Name != "shop-redis" || in.Memory != "1Gi" || in.Persistence != "2Gi" || in.Watchers != 3 || len(in.Sentinels) == 0 {
		t.Errorf("%s %s: memory %q, persistence %q, %d sentinels, %v", in.Kind, in.Name, in.Memory, in.Persistence, in.Watchers, in.Sentinels)
	}
	tables := must[assessed](t, s, "assess", empty{})
	if len(tables.Instances) != 1 || !tables.Instances[0].Assessed {
		t.Errorf("%+v", tables)
	}
}

// TestAssess wants the answers of the command for each instance, in the order of the questions.
func TestAssess(t *testing.T) {
	got := must[assessed](t, example(t), "assess", empty{})
	var names []string
	for _, in := range got.Instances {
		names = append(names, in.Application+"/"+in.Name)
		for i, a := range in.Answers {
			if a.Question != got.Questions[i].Name || a.Text == "" || a.Field != "" && a.File == "" {
				t.Errorf("%s: %+v", in.Name, a)
			}
		}
	}
	if want := "payments/payments, reports/reports, shop/shop, shop/shop-cache"; strings.Join(names, ", ") != want || len(got.Problems) > 0 {
		t.Errorf("got %s, want %s; %v", strings.Join(names, ", "), want, got.Problems)
	}
}

func TestHasHost(t *testing.T) {
	for text, want := range map[string]bool{
		"redis://rfrm-shop:6379": true, "rfrm-shop": true, "redis://rfrm-shop-cache:6379": false, "xrfrm-shop": false,
		"rfrm-shop-cache rfrm-shop": true, "rfrm-shop.default.svc": true, "": false,
	} {
		if got := hasHost(text, "rfrm-shop"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestRules(t *testing.T) {
	rules := must[[]finding.RuleInfo](t, session(), "rules", empty{})
	for _, r := range rules {
		if r.Name == "" || r.Title == "" || r.Description == "" {
			t.Errorf("%+v", r)
		}
	}
	if len(rules) < 50 {
		t.Errorf("%d rules", len(rules))
	}
}

// TestForm holds what the page is built with against the schemas. UPDATE=1 writes it.
func TestForm(t *testing.T) {
	got, err := formJSON()
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "web/src/form.json"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the schemas say; run UPDATE=1 go test ./wasm", file)
	}
}

func BenchmarkLintExample(b *testing.B) {
	s := session()
	in, _ := json.Marshal(openRequest{Files: folder(b, exampleDir)})
	s.Run(context.Background(), "open", in, nil)
	for b.Loop() {
		s.Run(context.Background(), "lint", []byte("{}"), nil)
	}
}

// BenchmarkPlan is what a change of the form costs: the plan, and what lint says of it.
func BenchmarkPlan(b *testing.B) {
	s := session()
	in, _ := json.Marshal(openRequest{Files: folder(b, exampleDir)})
	s.Run(context.Background(), "open", in, nil)
	for _, call := range []string{"plan", "check"} {
		b.Run(call, func(b *testing.B) {
			for b.Loop() {
				s.Run(context.Background(), call, []byte(`{"kind":"resource","app":"shop","suffix":"jobs","profile":"queue"}`), nil)
			}
		})
	}
}

// The page offers a repository with twelve faults, each of another category.
func TestBrokenExample(t *testing.T) {
	s := session()
	must[opened](t, s, "open", openRequest{Files: folder(t, "web/broken")})
	categories := map[string]string{}
	found := parsed(t, must[linted](t, s, "lint", lintRequest{})).Findings
	for _, f := range found {
		category, _, _ := strings.Cut(f.Rule, "/")
		if other, ok := categories[category]; ok {
			t.Errorf("%s and %s are of the same category", other, f.Rule)
		}
		categories[category] = f.Rule
	}
	if len(found) != 12 || len(categories) != 12 {
		t.Errorf("%d findings of %d categories, want 12: %v", len(found), len(categories), categories)
	}
	if done := must[fixed](t, s, "fix", fixRequest{}); done.Done == 0 {
		t.Error("nothing can be fixed")
	}
}

// A value that is rejected comes with the one to use, and that one is accepted.
func TestSuggestions(t *testing.T) {
	s := example(t)
	for _, tt := range []struct{ key, value, want string }{
		{"memory", "100MB", "100Mi"}, {"memory", "2gb", "2Gi"}, {"memory", "much", "256Mi"}, {"disk", "4GB", "4Gi"},
		{"policy", "allkeys-lfru", "allkeys-lfu"}, {"policy", "nosuch", ""}, {"replicas", "many", ""}, {"auth", "A_B", ""},
	} {
		set := map[string]string{tt.key: tt.value}
		_, wrong := ask[planned](t, s, "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Set: set})
		if len(wrong) != 1 || wrong[0].Suggestion != tt.want {
			t.Errorf("%s=%s: %+v, want the suggestion %q", tt.key, tt.value, wrong, tt.want)
			continue
		}
		if tt.want == "" {
			continue
		}
		if !strings.Contains(wrong[0].Message, tt.want) {
			t.Errorf("%q does not name %s", wrong[0].Message, tt.want)
		}
		set[tt.key] = tt.want
		if _, wrong := ask[planned](t, s, "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Set: set}); len(wrong) > 0 {
			t.Errorf("%s=%s: %+v", tt.key, tt.want, wrong)
		}
	}
	_, wrong := ask[planned](t, s, "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Profile: "cahce"})
	if len(wrong) != 1 || wrong[0].Suggestion != "cache" {
		t.Errorf("profile cahce: %+v", wrong)
	}
}

// The command line that the page shows names a key of the store where the Secret of other methods stands.
func TestCommandWithKey(t *testing.T) {
	p := must[planned](t, example(t), "plan", planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "external", Store: "vault", Key: "prod/redis#password"})
	if got := p.Commands[len(p.Commands)-1]; !strings.Contains(got, " --auth 'external:prod/redis#password' --store vault") {
		t.Error(got)
	}
	for _, f := range p.Files {
		if strings.Contains(f.New, "kind: Password") {
			t.Errorf("%s generates a password although the store has one", f.Path)
		}
	}
}

// An update brings what was generated up to date; where both sides changed the same line, it is a conflict until the request resolves it.
func TestUpdate(t *testing.T) {
	s := example(t)
	all := planRequest{Kind: "update"}
	if p := must[planned](t, s, "plan", all); len(p.Files) != 0 || p.Commands[0] != "redis-gitops generate update" {
		t.Errorf("of an example that is current: %+v", p)
	}
	if l := must[linted](t, s, "check", all); l.Report != "" || len(l.Failures) != 0 {
		t.Errorf("nothing was to be checked: %+v", l)
	}
	change := func(name, from, to string) {
		src, err := afero.ReadFile(s.fs, name)
		if err != nil || !strings.Contains(string(src), from) {
			t.Fatal(name, err)
		}
		must[opened](t, s, "files", filesRequest{Changes: []changedFile{{Path: name, Action: "update", New: strings.Replace(string(src), from, to, 1)}}})
	}
	const file = "applications/shop/templates/deployment-web.yaml"
	change("generators/deployments/web.yaml", "containerPort: 3000", "containerPort: 4000")
	if p := must[planned](t, s, "plan", all); len(p.Conflicts) != 0 || strings.Count(p.Diff, "containerPort: 4000") != 4 {
		t.Errorf("conflicts %v, want the new line in two files and their records:\n%s", p.Conflicts, p.Diff)
	}
	change(file, "containerPort: 3000", "containerPort: 5000")
	one := planRequest{Kind: "update", App: "shop", Name: "deployment-web"}
	p := must[planned](t, s, "plan", one)
	if len(p.Conflicts) != 1 || p.Conflicts[0].File != file || strings.Contains(p.Conflicts[0].Message, "--") ||
		!strings.Contains(p.Conflicts[0].Diff, "5000") || !strings.Contains(p.Conflicts[0].Diff, "4000") {
		t.Errorf("conflicts %+v", p.Conflicts)
	}
	for _, tt := range []struct{ on, flag, with, without string }{
		{"keep", "keep", "Port: 5000", "Port: 4000"}, {"replace", "force", "Port: 4000", "Port: 5000"}, {"merge", "merge", "<<<<<<< file", "Port: 3000"},
	} {
		one.OnConflict = tt.on
		p := must[planned](t, s, "plan", one)
		if want := "redis-gitops generate update shop deployment-web --" + tt.flag; len(p.Conflicts) > 0 || p.Commands[0] != want {
			t.Errorf("%s: %v, %q", tt.on, p.Conflicts, p.Commands)
		}
		for _, f := range p.Files {
			if f.Path == file && (!strings.Contains(f.New, tt.with) || strings.Contains(f.New, tt.without)) {
				t.Errorf("%s:\n%s", tt.on, f.New)
			}
		}
	}
	for _, r := range []planRequest{{Kind: "update", App: "nosuch"}, {Kind: "update", OnConflict: "nosuch"}, {Kind: "resource", App: "shop", OnConflict: "merge"}} {
		if _, wrong := ask[planned](t, s, "plan", r); len(wrong) == 0 {
			t.Errorf("%+v was planned", r)
		}
	}
}

// What leads from a finding to the form exists on both sides.
func TestRemedies(t *testing.T) {
	known := map[string]bool{}
	for _, r := range must[[]finding.RuleInfo](t, session(), "rules", empty{}) {
		known[r.Name] = true
	}
	o, err := cue.OperatorNamed(cue.DefaultOperator())
	if err != nil {
		t.Fatal(err)
	}
	values, err := o.Resolve("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{"auth": true, "secret": true, "suffix": true}
	for _, v := range values {
		fields["set."+v.Key] = true
	}
	for name, field := range remedies {
		if !known[name] || !fields[field] {
			t.Errorf("%s: %s", name, field)
		}
	}
}

// A problem of the form names its field, and a conflict has no flag of the command line.
func TestProblemsOfTheForm(t *testing.T) {
	s := example(t)
	for _, tt := range []struct {
		request planRequest
		field   string
	}{
		{planRequest{Kind: "resource", App: "Shop", NewApp: true}, "app"},
		{planRequest{Kind: "application", App: "a b"}, "app"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "X"}, "suffix"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Profile: "nosuch"}, "profile"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Size: "nosuch"}, "size"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Set: map[string]string{"memory": "1GB"}}, "set.memory"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "external"}, "store"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "external", Store: "vault", Key: "#"}, "key"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "sealed"}, "cert"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "sealed", Cert: "none"}, "cert"},
		{planRequest{Kind: "resource", App: "shop", Suffix: "x", Auth: "existing", Secret: "A"}, "secret"},
		{planRequest{Kind: "deployment", App: "shop", Type: "web", Name: "A"}, "name"},
	} {
		if _, wrong := ask[planned](t, s, "plan", tt.request); len(wrong) == 0 || wrong[0].Field != tt.field {
			t.Errorf("%+v: %+v, want the field %q", tt.request, wrong, tt.field)
		}
	}
	got := must[planned](t, s, "plan", planRequest{Kind: "resource", App: "shop", Set: map[string]string{"memory": "3Gi"}})
	for _, c := range got.Conflicts {
		if strings.Contains(c.Message, "--") || !strings.Contains(c.Diff, "+") {
			t.Errorf("conflict %q with the diff\n%s", c.Message, c.Diff)
		}
	}
}
