package render

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/repo"
)

// TestDeployments renders one chart as each kind of deployment does, and wants every value to be found where the user set it.
func TestDeployments(t *testing.T) {
	r := open(t, `
-- applications/shop/Chart.yaml --
name: shop
version: 1.0.0
-- applications/shop/values.yaml --
memory: 1Gi
replicas: 1
big: 1
keep: me
list: [a, b]
-- applications/shop/prod.yaml --
memory: 2Gi
keep: null
-- applications/shop/extra.yaml --
memory: 9Gi
-- applications/shop/templates/t.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  memory: {{ .Values.memory }}
  replicas: {{ .Values.replicas | quote }}
  big: {{ .Values.big | quote }}
  keep: {{ .Values.keep | default "gone" }}
  item: {{ index .Values.list 1 }}
-- platform-applications/shop.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop-prod
spec:
  destination: { namespace: prod }
  source:
    path: applications/shop
    helm:
      valueFiles: [prod.yaml]
      values: |
        replicas: 3
      parameters:
        - name: big
          value: "1000000"
        - name: list[1]
          value: c
-- platform-applications/flux.yaml --
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: shop-flux
  namespace: flux
spec:
  chart:
    spec:
      chart: ./applications/shop
      sourceRef: { kind: GitRepository, name: r }
      valuesFiles: [applications/shop/prod.yaml]
  values:
    big: 2000000
    list: [x, z]
`)
	targets, _, err := Targets(r)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	show := func(target Target) {
		result := render(t, r, target)
		if p := problems(result); p != "" {
			t.Error(p)
		}
		for _, resource := range result.Resources {
			for _, path := range []string{"metadata/name", "metadata/namespace", "data/memory", "data/replicas", "data/big", "data/keep", "data/item"} {
				_, n := resource.Find(strings.Split(path, "/")...)
				line := path + " " + n.Value
				for _, v := range resource.Origin(n).Values {
					line += " " + v.At.String()
				}
				got = append(got, strings.TrimSpace(line))
			}
		}
	}
	for _, target := range targets {
		if target.Kind == repo.Chart {
			got = append(got, "-- "+target.Deployment.Kind)
			show(target)
		}
	}
	got = append(got, "-- on top")
	show(Target{Dir: "applications/shop", Kind: repo.Chart, ValueFiles: []string{"applications/shop/extra.yaml"}})
	want := `-- HelmRelease
metadata/name shop-flux
metadata/namespace flux
data/memory 2Gi applications/shop/prod.yaml:1:9
data/replicas
data/big 2e+06 platform-applications/flux.yaml:13:10
data/keep gone applications/shop/prod.yaml:2:7
data/item z platform-applications/flux.yaml:14:15
-- Application
metadata/name shop-prod
metadata/namespace prod
data/memory 2Gi applications/shop/prod.yaml:1:9
data/replicas 3 platform-applications/shop.yaml:12:19
data/big 1000000 platform-applications/shop.yaml:15:18
data/keep gone applications/shop/prod.yaml:2:7
data/item c platform-applications/shop.yaml:17:18
-- on top
metadata/name shop
metadata/namespace default
data/memory 9Gi applications/shop/extra.yaml:1:9
data/replicas 1 applications/shop/values.yaml:2:11
data/big 1 applications/shop/values.yaml:3:6
data/keep me applications/shop/values.yaml:4:7
data/item b applications/shop/values.yaml:5:11`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

func TestSubcharts(t *testing.T) {
	r := open(t, `
-- c/Chart.yaml --
apiVersion: v2
name: top
version: 1.0.0
dependencies:
  - { name: cache, version: 1.x, alias: fast, repository: "", import-values: [shared, { child: more, parent: imported }] }
  - { name: cache, version: 1.x, repository: "", condition: cache.enabled }
  - { name: tagged, version: "*", repository: "", tags: [extra] }
  - { name: gone, version: 1.0.0, repository: https://charts.example.com }
-- c/values.yaml --
fast:
  size: 5
cache:
  enabled: false
tags:
  extra: false
global:
  region: eu
-- c/templates/t.yaml --
apiVersion: v1
kind: ConfigMap
metadata: { name: top }
data:
  exported: {{ .Values.word | quote }}
  imported: {{ .Values.imported.x | quote }}
  lib: {{ include "lib.name" . }}
-- c/charts/cache/Chart.yaml --
name: cache
version: 1.2.3
-- c/charts/cache/values.yaml --
size: 1
other: o
exports:
  shared:
    word: hello
more: { x: 7 }
-- c/charts/cache/templates/t.yaml --
apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Chart.Name }} }
data:
  size: {{ .Values.size | quote }}
  other: {{ .Values.other }}
  region: {{ .Values.global.region }}
-- c/charts/tagged/Chart.yaml --
name: tagged
version: 1.2.3
-- c/charts/tagged/templates/t.yaml --
{{ fail "not enabled" }}
-- c/charts/lib/Chart.yaml --
name: lib
version: 1.0.0
type: library
-- c/charts/lib/templates/_h.tpl --
{{ define "lib.name" }}from-{{ .Chart.Name }}{{ end }}
-- c/charts/lib/templates/ignored.yaml --
{{ fail "a library renders nothing" }}
-- c/charts/packed-1.0.0.tgz --
x
`)
	result := render(t, r, Target{Dir: "c", Kind: repo.Chart})
	want := `notice c/charts/packed-1.0.0.tgz: packed subcharts are not rendered; unpack it into c/charts to lint it
notice c/Chart.yaml:8:5: subchart "gone" is not in c/charts and is not fetched, so its resources are not linted
`
	if got := problems(result); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var got []string
	for _, resource := range result.Resources {
		_, data := resource.Find("data")
		for i := 0; i+1 < len(data.Content); i += 2 {
			line := resource.File + " " + data.Content[i].Value + "=" + data.Content[i+1].Value
			for _, v := range resource.Origin(data.Content[i+1]).Values {
				line += " " + v.At.String()
			}
			got = append(got, line)
		}
	}
	if g, want := strings.Join(got, "\n"), `c/charts/cache/templates/t.yaml size=5 c/values.yaml:2:9
c/charts/cache/templates/t.yaml other=o c/charts/cache/values.yaml:2:8
c/charts/cache/templates/t.yaml region=eu c/values.yaml:8:11
c/templates/t.yaml exported=hello c/charts/cache/values.yaml:5:11
c/templates/t.yaml imported=7 c/charts/cache/values.yaml:6:12
c/templates/t.yaml lib=from-top`; g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
	if got, want := strings.Join(result.Chart.Subcharts, " "), "cache fast gone lib tagged"; got != want {
		t.Errorf("subcharts: got %s, want %s", got, want)
	}
}

func TestChartFiles(t *testing.T) {
	for _, tt := range []struct{ name, files, want string }{
		{"helmignore", "-- c/.helmignore --\n# no\n*.md\n/templates/skip.yaml\nprivate/\n-- c/a.md --\nx\n-- c/private/x.txt --\nx\n-- c/kept.txt --\nx\n-- c/templates/skip.yaml --\n{{ fail \"no\" }}\n" +
			"-- c/templates/t.yaml --\napiVersion: v1\nkind: A\nfiles: {{ range $p, $_ := .Files }}{{ $p }} {{ end }}\n", ".helmignore kept.txt"},
		{"none outside", "-- secret.txt --\nx\n-- c/templates/t.yaml --\napiVersion: v1\nkind: A\nfiles: {{ .Files.Get \"../secret.txt\" }}{{ .Files.Get \"/secret.txt\" }}\n", ""},
		{"crds", "-- c/crds/x.yaml --\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nfiles: \"{{ not a template }}\"\n", "{{ not a template }}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result := render(t, open(t, "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n"+tt.files), Target{Dir: "c", Kind: repo.Chart})
			if p := problems(result); p != "" {
				t.Fatal(p)
			}
			_, n := result.Resources[0].Find("files")
			if got := strings.TrimSpace(n.Value); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestChartProblems(t *testing.T) {
	for _, tt := range []struct{ name, files, want string }{
		{"no name", "-- c/Chart.yaml --\nversion: 1.0.0\n", "render-fails c/Chart.yaml: name: is missing; add \"name: c\"\n"},
		{"no version", "-- c/Chart.yaml --\nname: c\n", "render-fails c/Chart.yaml: version: is missing; add \"version: 0.1.0\"\n"},
		{"wrong version", "-- c/Chart.yaml --\nname: c\nversion: one\n", "render-fails c/Chart.yaml:2:10: version: invalid version \"one\"; use for example 0.1.0\n"},
		{"twice the same", "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\ndependencies:\n  - name: a\n  - name: a\n",
			"render-fails c/Chart.yaml:5:5: dependencies: two subcharts have the name or alias \"a\"; set a different alias for one\n"},
		{"values are a list", "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n-- c/values.yaml --\n- a\n", "other c/values.yaml:1:1: values must be a mapping, such as \"replicas: 3\"; found a list\n"},
		{"broken values", "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n-- c/values.yaml --\na: [\n", "syntax c/values.yaml:2: invalid YAML: did not find expected node content; fix the syntax here or just before\n"},
		{"tab", "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n-- c/values.yaml --\na:\n\tb: 1\n", "tab c/values.yaml:2:1: tab used for indentation; use spaces\n"},
		{"no value file", "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(render(t, open(t, tt.files), Target{Dir: "c", Kind: repo.Chart})); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
	r := open(t, "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n")
	if got, want := problems(render(t, r, Target{Dir: "c", Kind: repo.Chart, ValueFiles: []string{"c/none.yaml"}})),
		"render-fails values file \"c/none.yaml\" does not exist; create it or remove it from the list\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Render(context.Background(), r, Target{Dir: "nope", Kind: repo.Chart}, Options{}); err == nil {
		t.Error("a folder that is not there is no error")
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Render(done, r, Target{Dir: "c", Kind: repo.Chart}, Options{}); err == nil {
		t.Error("a context that is done is no error")
	}
}

// TestRelated wants the place of the text that is broken, and the way there.
func TestRelated(t *testing.T) {
	r := open(t, `
-- c/Chart.yaml --
name: c
version: 1.0.0
-- c/values.yaml --
a: text
-- c/templates/_h.tpl --
{{ define "inner" }}
  {{ .Values.a.b }}
{{ end }}
-- c/templates/one.yaml --
x: {{ include "inner" . }}
-- c/templates/two.yaml --

y: {{ include "inner" . }}
`)
	want := `render-fails c/templates/_h.tpl:2:6: .Values.a is a string, so .Values.a.b is undefined; make it a mapping in c/values.yaml
	c/templates/two.yaml:2:7: included here
`
	if got := problems(render(t, r, Target{Dir: "c", Kind: repo.Chart})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTargets(t *testing.T) {
	r := open(t, `
-- applications/shop/Chart.yaml --
name: shop
-- applications/shop/charts/sub/Chart.yaml --
name: sub
-- applications/web/overlays/prod/kustomization.yaml --
resources: [../../base]
components: [../../component]
-- applications/web/base/kustomization.yaml --
resources: [a.yaml]
-- applications/web/base/a.yaml --
kind: A
-- applications/web/component/kustomization.yaml --
kind: Component
-- applications/plain/b.yaml --
kind: A
-- platform/op/kustomization.yaml --
patches: [{ path: p.yaml }]
-- platform/op/p.yaml --
kind: P
-- platform/op/loose.yaml --
kind: L
-- generators/resources/redis.yaml --
kind: "%{x}"
-- .github/workflows/ci.yaml --
kind: A
-- node_modules/x/Chart.yaml --
name: x
-- argocd-root.yaml --
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: { name: apps }
spec:
  generators:
    - git: { directories: [{ path: applications/* }] }
  template:
    metadata: { name: "{{path.basename}}" }
    spec:
      source: { path: "{{path}}" }
      destination: { namespace: default }
`)
	targets, found, err := Targets(r)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	var got []string
	for _, target := range targets {
		line := fmt.Sprintf("%s %s", target.Dir, target.Kind)
		if target.Deployment != nil {
			line += " by " + target.Deployment.Kind
		}
		if target.Files != nil {
			line += " " + strings.Join(target.Files, ",")
		}
		got = append(got, line)
	}
	want := `. plain argocd-root.yaml
applications/plain plain by ApplicationSet applications/plain/b.yaml
applications/shop chart by ApplicationSet
applications/web/overlays/prod kustomize
platform/op plain platform/op/loose.yaml
platform/op kustomize`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

// TestBounds wants every template that would take the machine's time or memory to end, and to say so.
func TestBounds(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"range", "{{ range 1000000000000 }}{{ end }}", "rendering takes too long"},
		{"range with text", "{{ range 1000000000000 }}{{ \"x\" }}{{ end }}", "rendering takes too long|the output exceeds"},
		{"range in tpl", "{{ tpl \"{{ range 1000000000000 }}{{ end }}\" . }}", "rendering takes too long"},
		{"range in include", "{{ define \"x\" }}{{ range 1000000000000 }}{{ end }}{{ end }}{{ include \"x\" . }}", "rendering takes too long"},
		{"include of itself", "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}", "endlessly"},
		{"include in turn", "{{ define \"x\" }}{{ include \"y\" . }}{{ end }}{{ define \"y\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}", "endlessly"},
		{"tpl of itself", "{{ tpl .Values.loop . }}", "endlessly"},
		{"template of itself", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}", "exceeded maximum template depth"},
		{"doubling", "{{ $x := \"xxxxxxxxxxxxxxxx\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}", "string over 16 MiB"},
		{"doubling by quotes", "{{ $x := \"\\\"\" }}{{ range 60 }}{{ $x = quote $x }}{{ end }}", "string over 16 MiB"},
		{"many texts", "{{ $l := list }}{{ range 1000 }}{{ $l = append $l (print (repeat 100000 \"x\") .) }}{{ $l = append $l (printf \"%999999d\" 1) }}{{ end }}", "more than 64 MiB"},
		{"wide", "{{ printf \"%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d\" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 }}", "over 16 MiB"},
		{"list of itself", "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}", "contains itself"},
		{"mapping in itself", "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d }}", "contains itself"},
		{"mapping in itself by merge", "{{ $d := dict }}{{ $_ := merge $d (dict \"d\" $d) }}{{ $d }}", "contains itself"},
		{"deep", "{{ $d := dict }}{{ range 10000 }}{{ $d = dict \"d\" $d }}{{ end }}{{ toYaml $d }}", "contains itself"},
		{"until", "{{ until 1000000000 }}", "the limit of 100000"},
		{"untilStep", "{{ untilStep 0 1000000000 1 }}", "the limit of 100000"},
		{"seq", "{{ seq 1000000000 }}", "the limit of 100000"},
		{"repeat", "{{ repeat 1000000000 \"x\" }}", "the limit of 100000"},
		{"indent", "{{ indent 1000000000 \"x\" }}", "over 16 MiB"},
		{"nindent", "{{ nindent 1000000 .Values.lines }}", "over 16 MiB"},
		{"replace", "{{ replace \"x\" (repeat 90000 \"y\") (repeat 90000 \"x\") }}", "over 16 MiB"},
		{"regexReplaceAll", "{{ regexReplaceAll \"x\" (repeat 90000 \"x\") (repeat 90000 \"y\") }}", "over 16 MiB"},
		{"join", "{{ join (repeat 90000 \"y\") (until 90000) }}", "over 16 MiB"},
		{"random", "{{ randAlphaNum 1000000000 }}", "the limit of 100000"},
		{"negative", "{{ repeat -1 \"x\" }}", "the limit of 100000"},
		{"panic", "{{ (list 1 2) | slice 5 9 }}", "error|slice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := open(t, "-- c/Chart.yaml --\nname: c\nversion: 1.0.0\n-- c/values.yaml --\nloop: \"{{ tpl .Values.loop . }}\"\nlines: \""+strings.Repeat("\\n", 100)+"\"\n-- c/templates/t.yaml --\n"+tt.template)
			var options Options
			if strings.HasPrefix(tt.want, "rendering takes too long") {
				options.Timeout = 200 * time.Millisecond
			}
			result, err := Render(context.Background(), r, Target{Dir: "c", Kind: repo.Chart}, options)
			if err != nil {
				t.Fatal(err)
			}
			got := problems(result)
			if !slices.ContainsFunc(strings.Split(tt.want, "|"), func(want string) bool { return strings.Contains(got, want) }) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestLibraryElsewhere: a template of a chart that is not in the repository, or packed, is no error; one of the chart itself is.
func TestLibraryElsewhere(t *testing.T) {
	const chart = "-- c/Chart.yaml --\napiVersion: v2\nname: c\nversion: 1.0.0\n%s-- c/templates/_h.tpl --\n{{ define \"c.name\" }}n{{ end }}\n" +
		"-- c/templates/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include \"%s\" . | default \"a\" }}\n%s"
	const gone = "dependencies:\n  - {name: lib, version: 1.x, repository: oci://charts.example.com}\n"
	for _, tt := range []struct {
		dependencies, include, files string
		problems                     int
		incomplete                   bool
	}{
		{gone, "lib.name", "", 0, true},
		{"dependencies:\n  - {name: lib, version: 1.x, repository: oci://charts.example.com}\n", "lib.name", "-- c/charts/lib-1.0.0.tgz --\nx\n", 0, true},
		{gone, "c.nme", "", 1, false},
		{"", "lib.name", "", 1, false},
		{gone, "c.name", "", 0, false},
		{gone, "lib.name", "-- c/charts/lib/Chart.yaml --\napiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n", 1, false},
	} {
		result := render(t, open(t, fmt.Sprintf(chart, tt.dependencies, tt.include, tt.files)), Target{Dir: "c", Kind: repo.Chart})
		if len(result.Problems) != tt.problems || result.Incomplete != tt.incomplete || len(result.Resources) != 1 {
			t.Errorf("%+v: incomplete %v, %d resources, problems:\n%s", tt, result.Incomplete, len(result.Resources), problems(result))
		}
	}
}
