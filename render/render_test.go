package render

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"
)

// open makes a repository of a txtar archive.
func open(t testing.TB, archive string) *repo.Repo {
	t.Helper()
	fsys := afero.NewMemMapFs()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := afero.WriteFile(fsys, f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openDir opens a folder on disk; the test is skipped when it is not there.
func openDir(t testing.TB, dir string) *repo.Repo {
	t.Helper()
	fsys, err := rootfs.Open(dir)
	if err != nil {
		t.Skipf("%s is not here", dir)
	}
	t.Cleanup(func() { fsys.Close() })
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, r *repo.Repo, target Target) *Result {
	t.Helper()
	result, err := Render(context.Background(), r, target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// problems returns one line a problem.
func problems(r *Result) string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s %s\n", cmp.Or(p.Code, "other"), p)
		for _, rel := range p.Related {
			fmt.Fprintf(&b, "\t%s: %s\n", rel.Position, rel.Message)
		}
	}
	for _, p := range r.Notices {
		fmt.Fprintf(&b, "notice %s\n", p)
	}
	return b.String()
}

// describe writes an origin in a line.
func describe(o Origin) string {
	s := fmt.Sprintf("%s-%d", o.Source, o.EndColumn)
	if o.Literal {
		s += " literal"
	}
	for _, v := range o.Values {
		s += fmt.Sprintf(" %s@%s", strings.Join(v.Path, "."), v.At)
	}
	if o.Alone {
		s += " alone"
	}
	return s
}

const chartArchive = `
-- c/Chart.yaml --
name: shop
version: 1.0.0
-- c/values.yaml --
resources:
  redis:
    memory: 100Mi
    replicas: 2
env:
  - name: A
    value: one
  - name: B
    value: two
labels:
  team: web
limits: { memory: 1Gi }
-- c/templates/_helpers.tpl --
{{- define "shop.name" -}}
{{ .Release.Name }}-{{ .Values.suffix | default "x" }}
{{- end }}
-- c/templates/redis.yaml --
{{- $redis := .Values.resources.redis }}
{{- $max := trimSuffix "Mi" $redis.memory | mulf 0.75 | int }}
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: {{ include "shop.name" . }}
  labels:
    app: shop
    {{- toYaml .Values.labels | nindent 4 }}
spec:
  redis:
    replicas: {{ $redis.replicas }}
    customConfig:
      - maxmemory {{ $max }}mb
    resources:
      limits: {{- toYaml .Values.limits | nindent 8 }}
    env:
    {{- range $i, $e := .Values.env }}
      - name: {{ $e.name | quote }}
        value: "{{ .value }}"
    {{- end }}
    image: redis:7
`

func TestOrigin(t *testing.T) {
	r := open(t, chartArchive)
	result := render(t, r, Target{Dir: "c", Kind: repo.Chart})
	if got := problems(result); got != "" {
		t.Fatal(got)
	}
	if len(result.Resources) != 1 {
		t.Fatalf("%d resources, want 1", len(result.Resources))
	}
	resource := result.Resources[0]
	for _, tt := range []struct{ path, want string }{
		{"kind", "c/templates/redis.yaml:4:1-20 literal"},
		{"metadata/name", "c/templates/redis.yaml:6:3-36"},
		{"metadata/labels/app", "c/templates/redis.yaml:8:5-14 literal"},
		{"metadata/labels/team", "c/templates/redis.yaml:9:5-45 labels.team@c/values.yaml:11:9 alone"},
		{"spec/redis/replicas", "c/templates/redis.yaml:12:5-36 resources.redis.replicas@c/values.yaml:4:15 alone"},
		{"spec/redis/customConfig/0", "c/templates/redis.yaml:14:7-31 resources.redis.memory@c/values.yaml:3:13"},
		{"spec/redis/resources/limits/memory", "c/templates/redis.yaml:16:7-55 limits.memory@c/values.yaml:12:19 alone"},
		{"spec/redis/env/0/name", "c/templates/redis.yaml:19:7-36 env.0.name@c/values.yaml:6:11 alone"},
		{"spec/redis/env/1/value", "c/templates/redis.yaml:20:9-30 env.1.value@c/values.yaml:9:12 alone"},
		{"spec/redis/image", "c/templates/redis.yaml:22:5-19 literal"},
	} {
		_, n := resource.Find(strings.Split(tt.path, "/")...)
		if got := describe(resource.Origin(n)); n == nil || got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestReads(t *testing.T) {
	r := open(t, chartArchive)
	var got []string
	for _, read := range render(t, r, Target{Dir: "c", Kind: repo.Chart}).Chart.Reads {
		got = append(got, fmt.Sprintf("%s %s %t %t", strings.Join(read.Path, "."), read.At, read.Guarded, read.Dynamic))
	}
	want := `suffix c/templates/_helpers.tpl:2:24 true false
resources.redis c/templates/redis.yaml:1:15 false false
resources.redis.memory c/templates/redis.yaml:2:29 false false
labels c/templates/redis.yaml:9:16 false true
resources.redis.replicas c/templates/redis.yaml:12:18 false false
limits c/templates/redis.yaml:16:26 false true
env c/templates/redis.yaml:18:25 true true
env c/templates/redis.yaml:19:18 true true
env c/templates/redis.yaml:20:20 true true`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"nil pointer", "a: {{ .Values.a.b.c }}\n", "render-fails c/templates/t.yaml:1:7: .Values.a is not set, so .Values.a.b.c is undefined; set a.b.c in c/values.yaml\n"},
		{"no template", "{{ include \"shop.nme\" . }}\n{{ define \"shop.name\" }}{{ end }}", "render-fails c/templates/t.yaml:1:4: template \"shop.nme\" is not defined; did you mean \"shop.name\"?\n"},
		{"no function", "a: 1\nb: {{ toYml .Values }}\n", "render-fails c/templates/t.yaml:2: function \"toYml\" is not defined; did you mean \"toYaml\"?\n"},
		{"number for text", "a: {{ trimSuffix \"x\" .Values.size }}\n", "render-fails c/templates/t.yaml:1:22: .Values.size is a number, expected a string; quote it in c/values.yaml\n"},
		{"required", "a: {{ required \"set a\" .Values.a }}\n", "render-fails c/templates/t.yaml:1:7: required: set a\n"},
		{"not yaml", "a: b\n  c: {{ .Values.n }}\n", "not-yaml c/templates/t.yaml:2:3: the template renders invalid YAML: mapping values are not allowed in this context; check indentation and quotes here or just before\n\tc/values.yaml:1:4: value set here\n"},
		{"secret file", "apiVersion: v1\nkind: A\na: {{ .Files.Get \"../../etc/passwd\" | quote }}\n", ""},
		{"endless", "{{ range 1000000000000 }}{{ end }}", "render-fails c/templates/t.yaml:1:10: stopped: rendering takes too long\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := open(t, "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n-- c/values.yaml --\nn: 1\nsize: 3\n-- c/templates/t.yaml --\n"+tt.template)
			result, err := Render(context.Background(), r, Target{Dir: "c", Kind: repo.Chart}, Options{Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if got := problems(result); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestPlain(t *testing.T) {
	r := open(t, `
-- m/a.yaml --
apiVersion: v1
kind: ConfigMap
metadata: &m
  name: "one"
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: two }
-- m/values.yaml --
a: 1
-- m/broken.yaml --
apiVersion: v1
kind: A
kind: B
`)
	result := render(t, r, Target{Dir: "m", Kind: repo.Plain})
	if got, want := problems(result), "duplicate-key m/broken.yaml:3:1: key \"kind\" is already set at line 2; remove one of the two\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(result.Resources) != 2 {
		t.Fatalf("%d resources", len(result.Resources))
	}
	_, n := result.Resources[0].Find("metadata", "name")
	if got, want := describe(result.Resources[0].Origin(n)), "m/a.yaml:4:9-14 literal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, n = result.Resources[1].Find("metadata", "name")
	if got, want := describe(result.Resources[1].Origin(n)), "m/a.yaml:11:23-26 literal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGenerator(t *testing.T) {
	r := open(t, `
-- generators/resources/redis.yaml --
# Example values.yaml:
# resources:
#   %{camelName}:
#     memory: 1Gi

a: {{ .Values.resources.%{camelName}.memory }}
b: {{ .Values.x | default 1 }}
-- generators/resources/bad.yaml --
{{ if }}
`)
	g := Generator(r, "generators/resources/redis.yaml")
	if len(g.Problems) > 0 {
		t.Error(g.Problems)
	}
	var got []string
	for _, read := range g.Reads {
		got = append(got, fmt.Sprintf("%s %s %t", strings.Join(read.Path, "."), read.At, read.Guarded))
	}
	if g, want := strings.Join(got, "\n"), "resources.%{camelName}.memory generators/resources/redis.yaml:6:7 false\nx generators/resources/redis.yaml:7:7 true"; g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
	key, n := find(g.Example, "resources", "%{camelName}", "memory")
	if n == nil || (finding.Position{Line: key.Line, Column: key.Column}) != (finding.Position{Line: 4, Column: 7}) {
		t.Errorf("example: %v", key)
	}
	g = Generator(r, "generators/resources/bad.yaml")
	if len(g.Problems) != 1 || g.Problems[0].Line != 1 {
		t.Errorf("got %v", g.Problems)
	}
}

// TestParallel renders the same targets on several goroutines and wants the same of each.
func TestParallel(t *testing.T) {
	charts, kustomizations := open(t, chartArchive), open(t, overlays)
	outcome := func() string {
		var b strings.Builder
		for _, c := range []struct {
			repo   *repo.Repo
			target Target
		}{{charts, Target{Dir: "c", Kind: repo.Chart}}, {kustomizations, Target{Dir: "dev", Kind: repo.Kustomize}}} {
			result, err := Render(context.Background(), c.repo, c.target, Options{})
			if err != nil {
				return err.Error()
			}
			b.WriteString(problems(result) + fmt.Sprint(result.Texts()) + strings.Join(result.Files, " "))
			for _, resource := range result.Resources {
				_, n := resource.Find("metadata", "name")
				b.WriteString(n.Value + describe(resource.Origin(n)))
			}
		}
		return b.String()
	}
	want := outcome()
	got := make(chan string)
	for range 8 {
		go func() { got <- outcome() }()
	}
	for range 8 {
		if g := <-got; g != want {
			t.Errorf("got\n%s\nwant\n%s", g, want)
		}
	}
}
