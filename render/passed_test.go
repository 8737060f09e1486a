package render

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

// ways hand the mapping redis.spec on to spec of a resource; %s stands for nothing, and defs are named templates.
var ways = map[string]string{
	"toYaml":             "spec: {{- toYaml .Values.redis.spec | nindent 2 }}",
	"toYaml, indent":     "spec:\n{{ toYaml .Values.redis.spec | indent 2 }}",
	"toJson":             "spec: {{ toJson .Values.redis.spec }}",
	"mustToJson":         "spec: {{ .Values.redis.spec | mustToJson }}",
	"with":               "{{- with .Values.redis.spec }}\nspec:\n  {{- toYaml . | nindent 2 }}\n{{- end }}",
	"with the parent":    "{{- with .Values.redis }}\nspec:\n  {{- .spec | toYaml | nindent 2 }}\n{{- end }}",
	"a variable":         "{{- $spec := .Values.redis.spec }}\nspec: {{- toYaml $spec | nindent 2 }}",
	"a variable of root": "{{- $redis := .Values.redis }}\nspec: {{- toYaml $redis.spec | nindent 2 }}",
	"default":            "spec: {{- .Values.redis.spec | default dict | toYaml | nindent 2 }}",
	"default of another": "spec: {{- .Values.notThere | default .Values.redis.spec | toYaml | nindent 2 }}",
	"coalesce":           "spec: {{- coalesce .Values.notThere .Values.redis.spec | toYaml | nindent 2 }}",
	"required":           "spec: {{- required \"set it\" .Values.redis.spec | toYaml | nindent 2 }}",
	"ternary":            "spec: {{- ternary .Values.redis.spec (dict) true | toYaml | nindent 2 }}",
	"merge":              "spec: {{- merge (deepCopy .Values.redis.spec) .Values.defaults | toYaml | nindent 2 }}",
	"merge under":        "spec: {{- merge (dict) .Values.redis.spec .Values.defaults | toYaml | nindent 2 }}",
	"mergeOverwrite":     "spec: {{- mergeOverwrite (deepCopy .Values.defaults) .Values.redis.spec | toYaml | nindent 2 }}",
	"merged variable":    "{{- $redis := merge (dict) .Values.redis .Values.other }}\nspec: {{- toYaml $redis.spec | nindent 2 }}",
	"tpl":                "spec: {{- tpl (toYaml .Values.redis.spec) . | nindent 2 }}",
	"include":            "spec: {{- include \"yaml\" .Values.redis.spec | nindent 2 }}",
	"include of root":    "spec: {{- include \"spec\" . | nindent 2 }}",
	"include of include": "spec: {{- include \"again\" . | nindent 2 }}",
	"include of dict":    "spec: {{- include \"value\" (dict \"value\" .Values.redis.spec \"root\" $) | nindent 2 }}",
	"template":           "spec:\n  {{- template \"indented\" . }}",
	"index":              "spec: {{- index .Values \"redis\" \"spec\" | toYaml | nindent 2 }}",
	"get":                "spec: {{- get .Values.redis \"spec\" | toYaml | nindent 2 }}",
	"dig":                "spec: {{- dig \"redis\" \"spec\" (dict) .Values | toYaml | nindent 2 }}",
	"dict":               "{{ dict \"spec\" .Values.redis.spec | toYaml }}",
	"omit":               "spec: {{- omit .Values.redis.spec \"none\" | toYaml | nindent 2 }}",
	"pick":               "spec: {{- pick .Values.redis.spec \"affinity\" \"config\" \"labels\" \"replicas\" \"flag\" | toYaml | nindent 2 }}",
	"range":              "spec:\n{{- range $key, $value := .Values.redis.spec }}\n  {{ $key }}: {{- $value | toYaml | nindent 4 }}\n{{- end }}",
	"each part":          "spec:\n  {{- with .Values.redis.spec }}\n  affinity: {{- toYaml .affinity | nindent 4 }}\n  config:\n  {{- range .config }}\n  - {{ . | quote }}\n  {{- end }}\n  labels:\n  {{- range $k, $v := .labels }}\n    {{ $k }}: {{ $v }}\n  {{- end }}\n  replicas: {{ .replicas }}\n  flag: {{ .flag }}\n  {{- end }}",
}

const passedChart = `
-- c/Chart.yaml --
name: c
version: 1.0.0
-- c/values.yaml --
defaults:
  other: 1
other: {}
redis:
  spec:
    affinity:
      podAntiAffinity:
        required:
          - topologyKey: zone
            labelSelector:
              matchLabels: {app: redis}
          - topologyKey: host
    config:
      - maxmemory 100mb
      - save ""
    labels:
      team: shop
    replicas: 3
    flag: true
-- c/templates/_helpers.tpl --
{{- define "yaml" }}{{ toYaml . }}{{ end }}
{{- define "spec" }}{{ toYaml .Values.redis.spec }}{{ end }}
{{- define "again" }}{{ include "spec" . }}{{ end }}
{{- define "value" }}{{ toYaml .value }}{{ end }}
{{- define "indented" }}{{ toYaml .Values.redis.spec | nindent 2 }}{{ end }}
-- c/templates/t.yaml --
apiVersion: v1
kind: Thing
metadata:
  name: x
`

// TestPassed hands one mapping on in many ways: each of its keys and values is found on its line of values.yaml, whatever the way.
func TestPassed(t *testing.T) {
	var values yaml.Node
	_, text, _ := strings.Cut(passedChart, "-- c/values.yaml --\n")
	text, _, _ = strings.Cut(text, "-- c/templates")
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	_, spec := find(values.Content[0], "redis", "spec")
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			result := render(t, open(t, passedChart+way+"\n"), Target{Dir: "c", Kind: repo.Chart})
			if len(result.Resources) != 1 || len(result.Problems) > 0 {
				t.Fatalf("got %d resources, problems: %s", len(result.Resources), problems(result))
			}
			r := result.Resources[0]
			var walk func(n *yaml.Node, path []string)
			walk = func(n *yaml.Node, path []string) {
				for i, child := range n.Content {
					if n.Kind == yaml.SequenceNode {
						walk(child, append(path[:len(path):len(path)], fmt.Sprint(i)))
					} else if i%2 > 0 {
						walk(child, append(path[:len(path):len(path)], n.Content[i-1].Value))
					}
				}
				if len(n.Content) > 0 {
					return
				}
				key, value := r.Find(append([]string{"spec"}, path...)...)
				if value == nil {
					t.Fatalf("nothing at %q in\n%s", path, result.Texts()["c/templates/t.yaml"])
				}
				want := fmt.Sprintf("c/values.yaml:%d:%d", n.Line, n.Column)
				o := r.Origin(value)
				if len(o.Values) != 1 || o.Values[0].At.String() != want || !o.Alone {
					t.Errorf("the value at %q is at %+v, want %s alone", path, o, want)
				}
				if o := r.Origin(key); key != nil && !o.Literal && name != "each part" && (len(o.Values) != 1 || o.Values[0].Key.Line != n.Line) {
					t.Errorf("the key at %q is at %+v, want line %d", path, o, n.Line)
				}
			}
			walk(spec, nil)
		})
	}
}
