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
		{"{{ range until 1000000000 }}{{ end }}", `t.yaml:1:10: until: stopped: list or string with 1000000000 elements exceeds the limit of 100000`},
		{"{{ repeat 2000000000 \"x\" }}", `t.yaml:1:4: repeat: stopped: list or string with 2000000000 elements exceeds the limit of 100000`},
		{"{{ range 100000 }}{{ repeat 1000 \"x\" }}{{ end }}", `stopped: the output exceeds 16 MiB`},
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

// TestValuesAreShallow stops values that grow deeper than whoever prints them can go, whatever function nests them, and text whose
// parser has no limit of its own. Each is a million levels deep, which overflows the stack.
func TestValuesAreShallow(t *testing.T) {
	deep := func(each string) string {
		return `{{ $d := dict }}{{ $l := list 1 }}{{ $e := $d }}{{ range until 20 }}{{ range until 100000 }}` + each + `{{ end }}{{ end }}{{ $d }}{{ $l }}`
	}
	for name, text := range map[string]string{
		"set downwards":    deep(`{{ $n := dict }}{{ $_ := set $e "a" $n }}{{ $e = $n }}`),
		"set upwards":      deep(`{{ $n := dict }}{{ $_ := set $n "a" $d }}{{ $d = $n }}`),
		"set through list": deep(`{{ $n := dict }}{{ $_ := set $e "a" (list $n) }}{{ $e = $n }}`),
		"merge":            deep(`{{ $n := dict }}{{ $_ := merge $e (dict "a" (list $n)) }}{{ $e = $n }}`),
		"mergeOverwrite":   deep(`{{ $n := dict }}{{ $_ := mergeOverwrite $e (dict "a" (list $n)) }}{{ $e = $n }}`),
		"chunk":            deep(`{{ $l = chunk 1 $l }}`),
		"mustChunk":        deep(`{{ $l = mustChunk 1 $l }}`),
		"pluck":            deep(`{{ $l = pluck "a" (dict "a" $l) }}`),
		"list":             deep(`{{ $l = list $l }}`),
		"append":           deep(`{{ $l = append (list) $l }}`),
		"a copy each time": `{{ $d := dict }}{{ range until 100000 }}{{ $e := $d }}{{ range until 480 }}{{ if $e.a }}{{ $e = $e.a }}{{ end }}{{ end }}{{ range until 480 }}{{ $n := dict }}{{ $_ := set $e "a" $n }}{{ $e = $n }}{{ end }}{{ $d = deepCopy $d }}{{ end }}{{ $d }}`,
		"TOML lists":       `{{ $a := repeat 100000 "[" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print "a = " $a $a $a $a $a) }}`,
		"TOML tables":      `{{ $a := repeat 20000 "{a=" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print "a = " $a $a $a $a $a) }}`,
		"TOML keys":        `{{ $a := repeat 50000 "a." }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print $a $a "a = 1") }}`,
		"TOML after text":  `{{ $a := repeat 100000 "[" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print "s = \"\\\"#\" # \"\nm = \"\"\"\n\"\"\"\na = " $a $a $a $a $a) }}`,
	} {
		_, err := Template(t.Context(), "t.yaml", text, Input{})
		if err == nil || !strings.Contains(err.Error(), "stopped: list or mapping is too large, too deep or contains itself") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What charts do has room: strings and comments of TOML do not count, and depth is not the number of parts.
	for text, want := range map[string]string{
		`{{ (fromToml (print "a = \"" (repeat 2000 "[.") "\" # " (repeat 2000 "[") "\nb = '''" (repeat 2000 "{") "'''\nc.d.e = [[1], [2]]")).c.d.e }}`:    "[[1] [2]]",
		`{{ $d := dict }}{{ range $i := until 5000 }}{{ $_ := set $d (print $i) (dict "a" (dict "b" $i)) }}{{ end }}{{ len $d }}`:                         "5000",
		`{{ $d := dict }}{{ $e := $d }}{{ range until 100 }}{{ $n := dict }}{{ $_ := set $e "a" $n }}{{ $e = $n }}{{ end }}{{ $d.a.a.a | toJson | len }}`: "584",
	} {
		if got, err := Template(t.Context(), "t.yaml", text, Input{}); err != nil || got != want {
			t.Errorf("%.60s: %q, %v", text, got, err)
		}
	}
}
