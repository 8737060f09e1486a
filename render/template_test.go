package render

import (
	"context"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	in := Input{Chart: "shop", Namespace: "prod", Values: map[string]any{
		"memory": "1.25Gi", "env": []any{map[string]any{"name": "A", "value": "b"}}, "n": 2,
	}}
	for _, tt := range []struct{ text, want string }{
		{"name: {{ .Chart.Name }}-redis\n", "name: shop-redis\n"},
		{`{{ trimSuffix "Gi" .Values.memory | mulf 1024 0.75 | floor | int }}mb`, "960mb"},
		{"env:{{ .Values.env | toYaml | nindent 2 }}\n", "env:\n  - name: A\n    value: b\n"},
		{"{{ if .Values.missing }}x{{ end }}{{ .Values.missing }}", ""},
		{"{{ range until .Values.n }}{{ . }}{{ end }}", "01"},
		{"{{ range untilStep 4 0 -2 }}{{ . }}{{ end }}", "42"},
		{"{{ tpl \"{{ .Chart.Name }}\" . }}", "shop"},
		{`{{ define "x" }}{{ range until 2 }}y{{ end }}{{ end }}{{ template "x" . }}`, "yy"},
		{"{{ .Release.Namespace }}", "prod"},
	} {
		got, err := Template(context.Background(), "t.yaml", tt.text, in)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a\n{{ nope }}\n", `t.yaml:2: function "nope" not defined`},
		{"a\n{{ if }}\n", `t.yaml:2: missing value for if`},
		{"a\n  {{ fail \"memory must be Mi or Gi\" }}\n", `t.yaml:2:6: memory must be Mi or Gi`},
		{"{{ required \"set x\" .Values.x }}", `t.yaml:1:4: required: set x`},
		{"{{ range until 1000000000 }}{{ end }}", `t.yaml:1:10: until: stopped: a list or text of 1000000000 parts; at most 100000 are allowed`},
		{"{{ repeat 2000000000 \"x\" }}", `t.yaml:1:4: repeat: stopped: a list or text of 2000000000 parts; at most 100000 are allowed`},
		{"{{ range 100000 }}{{ repeat 1000 \"x\" }}{{ end }}", `stopped: the output is over 16 MiB`},
		{"{{ env \"HOME\" }}", `t.yaml:1: function "env" not defined`},
		{"{{ template \"x\" }}{{ define \"x\" }}{{ template \"x\" }}{{ end }}", `exceeded maximum template depth`},
	} {
		_, err := Template(context.Background(), "t.yaml", tt.text, Input{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestTemplateEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Template(ctx, "t.yaml", "{{ range 1000000000000 }}{{ if false }}{{ end }}{{ end }}", Input{})
	if err == nil || !strings.Contains(err.Error(), "takes too long") {
		t.Errorf("got %v", err)
	}
}
